"""Signing up, confirming, and what staff look up."""

from __future__ import annotations

import logging

from services.newsletter import consent
from services.newsletter.actions import confirming, finding, signing_up, waiting
from services.newsletter.actions.signing_up import SignUp
from services.newsletter.api.links import done
from services.newsletter.schemas import AcceptedSchema, FoundSchema, SearchSchema, SignUpSchema
from shared.web import (
    FORM,
    HTML,
    JSON,
    MULTIPART,
    PUBLIC,
    RAW,
    Answer,
    Answers,
    Api,
    Call,
    Document,
    Page,
    Redirect,
    Staff,
    attempts,
    form_schemas,
    form_tokens,
    proof_of_work,
)

_log = logging.getLogger(__name__)
PAGE = Answers(200, media=HTML)
FORM_SCHEMA = "/v1/subscriptions.schema.json"
WITHOUT_WORK = "3/hour"

api = Api("newsletter")


@api.get("/sign-up", who=PUBLIC, answers=PAGE, sites=True, while_restoring=True)
def show_sign_up(call: Call) -> Page:
    """Show a form to sign up with, for a site that has none or shows ours in a frame; and again when it was wrong."""
    return form_tokens.page(call, "newsletter/sign_up.html", "/newsletter/sign-up", "/newsletter/v1/subscriptions")


@api.post(
    "/v1/subscriptions",
    who=PUBLIC,
    body=SignUpSchema,
    media=(JSON, FORM, MULTIPART),
    answers=Answers(202, AcceptedSchema),
    form=show_sign_up,
    idempotent=True,
    limit="60/minute",
    sites=True,
    while_restoring=True,
)
def sign_up(call: Call) -> Answer | Redirect:
    """Take a sign-up in; the answer is the same whether the address is known, unknown, or a robot's.

    Where work is asked, a few come in without: a browser without script cannot do any, and a robot gets no further.
    """
    body = call.body
    form_tokens.filled_in(call)
    if not proof_of_work.was_done(call):
        call.count(WITHOUT_WORK)
    with call.transaction() as session:
        if body.get("website"):
            signing_up.note_trap(session, now=call.now)
        else:
            asked = SignUp(
                first_name=body["first_name"],
                email=body["email"],
                language=body.get("language", call.language),
                source="sign-up-form",
                privacy_version=body.get("privacy_version"),
            )
            if call.restoring:
                waiting.keep(session, call.tools, asked, now=call.now)
            else:
                signing_up.sign_up(session, call.tools, asked, now=call.now)
        answer = call.keep(_accepted(call))
    if body.get("website"):
        site = call.site.id if call.site else None
        attempts.note(call.tools.database, "subscriptions", attempts.DROPPED, ["trap"], site=site, now=call.now)
    return answer


@api.get(FORM_SCHEMA, who=PUBLIC, answers=form_schemas.ANSWERS, sites=True, while_restoring=True)
def describe_sign_up(call: Call) -> Document:
    """Describe the fields of a sign-up for whoever builds a website."""
    return form_schemas.document(call, SignUpSchema, FORM_SCHEMA)


def _accepted(call: Call) -> Answer | Redirect:
    return form_tokens.thanks(call, "newsletter") if call.wants_page else Answer({"status": "accepted"})


@api.get("/thanks", who=PUBLIC, answers=PAGE, while_restoring=True)
def show_thanks(call: Call) -> Page:
    """Say that a mail is on its way."""
    return Page("newsletter/thanks.html")


def show_lost(call: Call) -> Page:
    """Show what is wrong with a link, and the way to a new one."""
    return Page("newsletter/lost.html")


@api.get("/confirm/<token>", who=PUBLIC, answers=PAGE, form=show_lost)
def show_confirm(call: Call) -> Page:
    """Show what is said yes to, with a button: what only looks at links confirms nothing."""
    with call.tools.database.reading() as session:
        confirming.find_confirmable(session, call.path["token"], call.now)
    return Page("newsletter/confirm.html", {"consent": consent.TEXTS[call.language]})


@api.post("/confirm/<token>", who=PUBLIC, answers=PAGE, body=RAW, max_bytes=10_000, form=show_lost)
def confirm(call: Call) -> Page:
    """Confirm a subscription; again is no error."""
    with call.transaction() as session:
        confirming.confirm(session, call.tools, call.path["token"], language=call.language, now=call.now)
    return done(call, "confirmed")


@api.post(
    "/v1/subscriptions/search",
    who=Staff("front-desk", "assistant", "physician", "privacy-coordinator", "fg"),
    body=SearchSchema,
    answers=Answers(200, FoundSchema),
)
def search_subscriptions(call: Call) -> Answer:
    """Return the subscriptions of an address, with the proof of consent and what the programme says now."""
    email = call.body["email"]
    with call.tools.database.reading() as session:
        found = finding.find(session, call.tools, email)
    states = {each.processor: finding.ask_state(call.tools, each.processor, email) for each in found if each.processor}
    _log.info("subscriptions looked up", extra={"fields": {"by": call.principal.subject, "found": len(found)}})
    return Answer({"items": [each.shown(states.get(each.processor or "")) for each in found]})
