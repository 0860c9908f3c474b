"""Forms of visitors: a token instead of a cookie (P83), the page that shows one, and where a browser goes after it.

A token says when a form was shown, signed, and nothing about anybody.
"""

from __future__ import annotations

import base64
import hmac
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

from marshmallow import Schema, fields

from shared.errors import InvalidInputError
from shared.web import proof_of_work
from shared.web.calls import Answer, Call, Document, Page, Redirect
from shared.web.routes import Answers, Api
from shared.web.who import PUBLIC
from shared.wording import Both

if TYPE_CHECKING:
    from shared.service import Tools

Form = Literal["contact", "newsletter"]
LIFE = timedelta(hours=24)
SHOWN_AGAIN = timedelta(minutes=10)
"""As how old a form counts at most when it comes back: it may be mended for a whole day again."""
PURPOSE = "form-tokens"
DAY = 86_400
_HEAD, _MAC = 16, 16
EXPIRED = Both(
    "Dit formulier stond te lang open. Verstuur het nog een keer.", "This form was open too long. Send it once more."
)
MISSING = Both("Ontbreekt: haal er een op bij /v1/form-token.", "Missing: get one at /v1/form-token.")


class FormTokenSchema(Schema):
    """A token for one showing of a form, the version of the statement that it should name, and work to do if asked."""

    form_token = fields.String(required=True)
    privacy_version = fields.String(required=True)
    proof_of_work = fields.Dict(keys=fields.String())


def issue(tools: Tools, now: datetime) -> str:
    """Return a token for a form that is shown now."""
    head = int(now.timestamp() * 1000).to_bytes(8) + os.urandom(_HEAD - 8)
    return base64.urlsafe_b64encode(head + _mac(tools, head)).decode()


def shown_at(tools: Tools, token: str, now: datetime) -> datetime:
    """Return when the form with this token was shown. Raises InvalidInputError for one that is forged or too old."""
    moment = _signed_moment(tools, token)
    if moment is None or not timedelta() <= now - moment + timedelta(minutes=1) <= LIFE:
        raise InvalidInputError({"form_token": [EXPIRED]})
    return moment


def filled_in(call: Call) -> timedelta | None:
    """Return how long a visitor had the form before them, or None for a form without a token that needs none.

    Raises InvalidInputError: a browser gets its form again, with what was typed and a new token.
    """
    since_shown = had_for(call)
    if since_shown is None and _is_needed(call):
        raise InvalidInputError({"form_token": [MISSING]})
    return since_shown


def had_for(call: Call) -> timedelta | None:
    """Return the same of a form that is taken without a token too. Raises InvalidInputError for one that is wrong."""
    token = call.body.get("form_token")
    return None if token is None else call.now - shown_at(call.tools, token, call.now)


def _is_needed(call: Call) -> bool:
    """Tell whether a form has to come with a token: not where a site's server vouches for it by its signature."""
    return not call.signed and any(site.needs_token for site in call.held_to)


def page(call: Call, template: str, here: str, action: str) -> Page:
    """Return the page ``here`` of a form that posts to ``action``; the clinic's websites may show it in a frame.

    From our page a form comes as from no site's, whichever it names: the page has the work done that any site asks.
    """
    sites = call.tools.policy.sites.values()
    asks_work = any(site.proof_of_work for site in sites)
    named = f"?site={call.site.id}" if call.site else ""
    context = {
        "statement": call.tools.policy.statement.isoformat(),
        "form_token": issue(call.tools, _shown_since(call)),
        "action": action + named,
        "work_at": f"/{call.tools.name}/v1/form-token{named}" if asks_work else None,
    }
    return Page(
        template,
        context,
        form_to=[origin for site in sites if site.thanks for origin in site.origins],
        framed_by=[origin for site in sites if site.frames for origin in site.origins],
        scripted=asks_work,
        here=here + named,
    )


def thanks(call: Call, form: Form) -> Redirect:
    """Send a browser on: to the page of the site it came from, where that has one, else to ours."""
    theirs = call.site.thanks.get(form) if call.site else None
    ours = f"/{call.tools.name}/thanks?language={call.language}"
    return Redirect(theirs or ours)


api = Api("forms")


@api.get(
    "/v1/form-token",
    who=PUBLIC,
    answers=Answers(200, FormTokenSchema),
    sites=True,
    limit="120/minute",
    while_restoring=True,
)
def give_form_token(call: Call) -> Answer:
    """Give a page of the clinic's website a token for the form it shows."""
    given = {"form_token": issue(call.tools, call.now), "privacy_version": call.tools.policy.statement.isoformat()}
    work = {"proof_of_work": proof_of_work.challenge(call.tools)} if proof_of_work.is_asked(call) else {}
    return Answer(given | work)


@api.get("/v1/proof-of-work.js", who=PUBLIC, answers=Answers(200), sites=True, while_restoring=True)
def give_script(_call: Call) -> Document:
    """Give the script that does the work a site asks for, to our pages and to the site's own."""
    return Document(proof_of_work.SCRIPT.read_bytes(), "text/javascript; charset=utf-8", keep_for=DAY)


def _shown_since(call: Call) -> datetime:
    """Return since when a visitor has the form that is shown now: one that comes back was before them already.

    Else whoever mends a mistake within seconds would be taken for a robot.
    """
    typed = call.typed.get("form_token")
    before = _signed_moment(call.tools, typed) if isinstance(typed, str) else None
    return call.now if before is None else max(before, call.now - SHOWN_AGAIN)


def _signed_moment(tools: Tools, token: str) -> datetime | None:
    """Return when a token of ours was given, however long ago; None for a forged one."""
    try:
        content = base64.b64decode(token, altchars=b"-_", validate=True)
    except ValueError:
        content = b""
    head, mac = content[:_HEAD], content[_HEAD:]
    if not hmac.compare_digest(mac, _mac(tools, head)) or len(head) != _HEAD:
        return None
    return datetime.fromtimestamp(int.from_bytes(head[:8]) / 1000, UTC)


def _mac(tools: Tools, head: bytes) -> bytes:
    return hmac.digest(tools.keys.secret(PURPOSE), head, "sha256")[:_MAC]
