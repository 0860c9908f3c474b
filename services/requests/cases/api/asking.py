"""Asking over HTTP: the form of a visitor, and staff for somebody who came, wrote or called."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, Any

from services.requests.cases.actions import opening
from services.requests.cases.rules import reference_of
from services.requests.cases.schemas.asked import SubmitRightsRequestSchema
from services.requests.cases.schemas.shown import AcceptedRequestSchema
from shared.deadlines import local_date
from shared.errors import InvalidInputError
from shared.web import FORM, HTML, JSON, MULTIPART, PUBLIC, Answer, Answers, Api, Both, Call, Page, Staff
from shared.wording import day_in

if TYPE_CHECKING:
    from datetime import date

    from services.requests.cases.records import RightsRequest

api = Api("asking")
DESK = Staff("privacy-coordinator", "front-desk")
FOR_STAFF = ("channel", "received_on", "address")


@api.get("/", who=PUBLIC, answers=Answers(200, media=HTML))
def show_form(call: Call) -> Page:
    """Show the form for a rights request."""
    context = {"clinic": call.tools.policy.clinic, "authority": call.tools.policy.authority}
    return Page("requests/request.html", context, here="/requests/")


@api.post(
    "/v1/requests",
    who=PUBLIC | DESK,
    body=SubmitRightsRequestSchema,
    media=(JSON, FORM, MULTIPART),
    answers=Answers(202, AcceptedRequestSchema, created=True),
    form=show_form,
    idempotent=True,
    limit="10/minute",
)
def submit(call: Call) -> Answer | Page:
    """Make a request: 202 with its reference, for everybody the same; for staff 201 and where it is."""
    entered_by = call.visitor.subject if call.visitor else None
    channel, received_on = _reception(call)
    with call.transaction() as session:
        case = opening.open_case(
            session,
            call.tools,
            call.body,
            case_id=str(uuid.uuid4()),
            reference=reference_of(local_date(call.now).year, secrets.token_bytes(8)),
            channel=channel,
            language=call.body["language"] or call.language,
            received_on=received_on,
            entered_by=entered_by,
            now=call.now,
        )
        answer = call.keep(_accepted(case))
    if call.wants_page:
        return _received(call, case)
    return answer


def _reception(call: Call) -> tuple[str, date]:
    """Return how and on what day a request came in; staff say so, and the form is today.

    Raises InvalidInputError: a day in the future, what only staff say, and nobody who could be answered.
    """
    today = local_date(call.now)
    given = [name for name in FOR_STAFF if call.body[name] is not None]
    if call.visitor is None:
        if given:
            message = Both("Alleen medewerkers vullen dit in.", "Only staff fill this in.")
            raise InvalidInputError({name: [message] for name in given})
        if not call.body["email"]:
            raise InvalidInputError({"email": ["Missing data for required field."]})
        return "form", today
    if not call.body["channel"]:
        raise InvalidInputError({"channel": ["Missing data for required field."]})
    if not (call.body["email"] or call.body["phone"] or call.body["address"]):
        message = Both("Hoe kunnen we antwoorden?", "How can we answer?")
        raise InvalidInputError({"email": [message]})
    received_on: date = call.body["received_on"] or today
    if received_on > today:
        message = Both("Deze dag is nog niet geweest.", "This day is still to come.")
        raise InvalidInputError({"received_on": [message]})
    return call.body["channel"], received_on


def _received(call: Call, case: RightsRequest) -> Page:
    shown = {"reference": case.reference, "due_on": day_in(call.language)(case.due_on)}
    return Page("requests/received.html", shown | {"authority": call.tools.policy.authority}, here="/requests/")


def _accepted(case: RightsRequest) -> Answer:
    body: dict[str, Any] = {"reference": case.reference, "due_on": case.due_on}
    if case.entered_by is None:
        return Answer(body)
    return Answer(body | {"id": case.id}, location=f"/requests/v1/requests/{case.id}")
