"""Behind the links of a subscriber: leaving, coming back, preferences; the same page for every link (RFC 8058)."""

from __future__ import annotations

from services.newsletter.actions import ending, preferring, returning
from services.newsletter.schemas import PreferencesSchema
from shared.errors import NotFoundError
from shared.web import FORM, HTML, MULTIPART, PUBLIC, RAW, Answers, Api, Call, Page

PAGE = Answers(200, media=HTML)

DONE = {
    "confirmed": "confirmed",
    "unsubscribed": "unsubscribed",
    "asked-again": "asked_again",
    "preferences": "preferences_kept",
}
"""What was done, as its page is addressed, and the page's template."""

api = Api("newsletter-links")


def done(call: Call, what: str) -> Page:
    """Return the page that says what was done; its own address, without a token, has the other language too."""
    context = {"token": call.path.get("token"), "contact": call.tools.policy.clinic.contact}
    return Page(f"newsletter/{DONE[what]}.html", context, here=f"/newsletter/done/{what}")


@api.get("/done/<what>", who=PUBLIC, answers=PAGE)
def show_done(call: Call) -> Page:
    """Say again what was done, in the language asked for; whoever opens this address learns nothing by it."""
    if call.path["what"] not in DONE:
        raise NotFoundError
    return done(call, call.path["what"])


@api.get("/unsubscribe/<token>", who=PUBLIC, answers=PAGE)
def show_unsubscribe(call: Call) -> Page:
    """Show a button; the page is the same for every link, and looking at it does nothing (RFC 8058)."""
    return Page("newsletter/unsubscribe.html", {"token": call.path["token"]})


@api.post("/unsubscribe/<token>", who=PUBLIC, answers=PAGE, body=RAW, max_bytes=100_000, never_redirect=True)
def unsubscribe(call: Call) -> Page:
    """End a subscription, from the button or from a mail programme (RFC 8058); the same page for every link."""
    with call.transaction() as session:
        ending.unsubscribe(session, call.tools, call.path["token"], now=call.now)
    return done(call, "unsubscribed")


@api.get("/again/<token>", who=PUBLIC, answers=PAGE)
def show_again(call: Call) -> Page:
    """Show a button for whoever left and changed their mind."""
    return Page("newsletter/again.html", {"token": call.path["token"]})


@api.post("/again/<token>", who=PUBLIC, answers=PAGE, body=RAW, max_bytes=10_000, limit="20/hour")
def ask_again(call: Call) -> Page:
    """Mail whoever left a new link to confirm: a no is never taken back by a click alone."""
    with call.transaction() as session:
        returning.ask_again(session, call.tools, call.path["token"], language=call.language, now=call.now)
    return done(call, "asked-again")


@api.get("/preferences/<token>", who=PUBLIC, answers=PAGE)
def show_preferences(call: Call) -> Page:
    """Show what can be changed, and nothing of what is kept: a mail is passed on with its links."""
    return Page("newsletter/preferences.html", {"token": call.path["token"]})


@api.post(
    "/preferences/<token>",
    who=PUBLIC,
    answers=PAGE,
    body=PreferencesSchema,
    media=(FORM, MULTIPART),
    form=show_preferences,
    limit="20/hour",
)
def change_preferences(call: Call) -> Page:
    """Change the first name or the language of a subscription, also at the programme."""
    with call.transaction() as session:
        preferring.change(session, call.tools, call.path["token"], call.body, now=call.now)
    return done(call, "preferences")
