"""Answering contact forms over HTTP."""

from __future__ import annotations

import logging

from services.intake.answers import actions
from services.intake.answers.schemas import AnswerContactFormSchema, AnsweredSchema
from services.intake.api import READERS
from shared.web import Answer, Answers, Api, Call

_log = logging.getLogger(__name__)

api = Api("answers")


@api.post(
    "/v1/contact-forms/<form_id>/answers",
    who=READERS,
    body=AnswerContactFormSchema,
    answers=Answers(201, AnsweredSchema),
    idempotent=True,
)
def answer_contact_form(call: Call) -> Answer:
    """Mail an answer to whoever sent a form; it is kept with the form, and the form counts as dealt with."""
    form_id, client = call.path["form_id"], call.body["client"]
    with call.transaction() as session:
        given = actions.answer(
            session,
            call.tools,
            form_id,
            call.body["message"],
            by=call.principal.subject,
            client=str(client) if client else None,
            now=call.now,
        )
        answer = call.keep(Answer(given, location=f"/intake/v1/contact-forms/{form_id}"))
    _log.info("a contact form was answered", extra={"fields": {"by": call.principal.subject, "form": given.form}})
    return answer
