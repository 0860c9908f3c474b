"""The intake over HTTP: the form for visitors, and what staff and the newsletter read of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from services.intake import actions, records, rules
from services.intake.answers.actions import history
from services.intake.answers.schemas import ContactFormWithAnswersSchema
from services.intake.schemas import (
    AcceptedSchema,
    ClaimSchema,
    ContactFormSummarySchema,
    FormsQuerySchema,
    SubmitContactFormSchema,
)
from shared.clock import parse_utc, utc_text
from shared.errors import NotFoundError
from shared.web import (
    FORM,
    HTML,
    JSON,
    MULTIPART,
    PUBLIC,
    SERVICES,
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
    list_of,
    proof_of_work,
)

if TYPE_CHECKING:
    from services.intake.records import ContactForm

READERS = Staff("physician", "assistant", "front-desk", "privacy-coordinator")
PAGE = Answers(200, media=HTML)
FORM_SCHEMA = "/v1/contact-forms.schema.json"
_log = logging.getLogger(__name__)

api = Api("intake")


@api.get("/contact", who=PUBLIC, answers=PAGE, sites=True, while_restoring=True)
def show_contact(call: Call) -> Page:
    """Show the form, for a site that has none or shows ours in a frame; and again when it was filled in wrong."""
    return form_tokens.page(call, "intake/contact.html", "/intake/contact", "/intake/v1/contact-forms")


@api.post(
    "/v1/contact-forms",
    who=PUBLIC,
    body=SubmitContactFormSchema,
    media=(JSON, FORM, MULTIPART),
    answers=Answers(202, AcceptedSchema),
    form=show_contact,
    idempotent=True,
    limit="10/minute",
    sites=True,
    while_restoring=True,
)
def submit_contact_form(call: Call) -> Answer | Redirect:
    """Take a contact form in (P16); one that may be unwanted waits for people, and its sender learns nothing of it."""
    filled_in = form_tokens.filled_in(call)
    suspected = rules.suspicions(
        trap=bool(call.body.get("website")),
        filled_in=filled_in,
        message=call.body["message"],
        work=proof_of_work.was_done(call),
    )
    site = call.site.id if call.site else None
    with call.transaction() as session:
        reference = actions.submit(
            session,
            call.tools,
            call.body,
            language=call.body.get("language", call.language),
            now=call.now,
            via_host=rules.came_via_host(
                call.brought_by, keeps_copies=call.site is not None and call.site.host_keeps_copies
            ),
            site=site,
            suspected=suspected,
        )
        answer = call.keep(_accepted(call, reference))
    if suspected:
        attempts.note(call.tools.database, "contact-forms", attempts.SET_ASIDE, suspected, site=site, now=call.now)
    return answer


@api.get(FORM_SCHEMA, who=PUBLIC, answers=form_schemas.ANSWERS, sites=True, while_restoring=True)
def describe_contact_form(call: Call) -> Document:
    """Describe the fields of a contact form for whoever builds a website."""
    return form_schemas.document(call, SubmitContactFormSchema, FORM_SCHEMA)


def _accepted(call: Call, reference: str) -> Answer | Redirect:
    return form_tokens.thanks(call, "contact") if call.wants_page else Answer({"reference": reference})


@api.get("/thanks", who=PUBLIC, answers=PAGE, while_restoring=True)
def show_thanks(call: Call) -> Page:
    """Say that the form arrived."""
    return Page("intake/thanks.html")


@api.get(
    "/v1/contact-forms", who=READERS, query=FormsQuerySchema, answers=Answers(200, list_of(ContactFormSummarySchema))
)
def list_contact_forms(call: Call) -> Answer:
    """List forms, or those in quarantine, the latest first, without what is in them."""
    after = (parse_utc(call.after[0]), str(call.after[1])) if call.after else None
    with call.tools.database.reading() as session:
        rows = records.find_page(session, after, call.size + 1, quarantined=call.query["quarantined"])
    return Answer(call.listing(rows, position=_position))


@api.get("/v1/contact-forms/<form_id>", who=READERS, answers=Answers(200, ContactFormWithAnswersSchema))
def show_contact_form(call: Call) -> Answer:
    """Show what was sent, word for word, and what was answered; who reads it is noted (P53, P59)."""
    with call.tools.database.reading() as session:
        form = records.form(session, call.path["form_id"])
        content = actions.open_form(call.tools, form)
        answered = history(session, call.tools, form.id)
    fields = {"by": call.principal.subject, "form": form.id}
    _log.info("a contact form was read", extra={"fields": fields})
    return Answer({**content, **{name: getattr(form, name) for name in _SHOWN}, "answers": answered})


@api.post("/v1/contact-forms/<form_id>/handled", who=READERS, answers=Answers(200, ContactFormSummarySchema))
def mark_contact_form_handled(call: Call) -> Answer:
    """Note that somebody dealt with it."""
    with call.transaction() as session:
        actions.mark_handled(session, call.path["form_id"], call.principal.subject, now=call.now)
        form = records.form(session, call.path["form_id"])
    return Answer(form)


@api.post("/v1/contact-forms/<form_id>/release", who=READERS, answers=Answers(200, ContactFormSummarySchema))
def release_contact_form(call: Call) -> Answer:
    """Let a form out of quarantine, which sends it on its way; somebody looked, and is noted."""
    with call.transaction() as session:
        actions.release(session, call.tools, call.path["form_id"], call.principal.subject, now=call.now)
        form = records.form(session, call.path["form_id"])
    return Answer(form)


@api.get("/v1/claims/<form_id>", who=SERVICES, answers=Answers(200, ClaimSchema))
def give_claim(call: Call) -> Answer:
    """Give the newsletter first name and address of a sender who ticked it; 410 once the form is erased."""
    if call.principal.issuer != "newsletter":
        raise NotFoundError("There is nothing here for this service.")
    with call.tools.database.reading() as session:
        return Answer(actions.claim(session, call.tools, call.path["form_id"]))


def _position(form: ContactForm) -> list[str]:
    return [utc_text(form.received_at), form.id]


_SHOWN = (
    *ContactFormSummarySchema().fields,
    "language",
    "privacy_version",
)
