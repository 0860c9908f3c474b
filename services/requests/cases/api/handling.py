"""What staff do with a request, over HTTP: always a person, and in the version that person has seen."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from services.requests.cases import views
from services.requests.cases.actions import clock, closing, deciding, identity
from services.requests.cases.records import case as case_by_id
from services.requests.cases.rules import require_person
from services.requests.cases.schemas.asked import (
    CheckIdentitySchema,
    DecideSchema,
    ExtendTermSchema,
    RecordDeliverySchema,
)
from services.requests.cases.schemas.shown import RightsRequestSchema, RightsRequestSummarySchema
from shared.deadlines import local_date
from shared.errors import InvalidInputError
from shared.web import Answer, Answers, Api, Both, Call, Staff

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy.orm import Session

    from services.requests.cases.records import RightsRequest

api = Api("handling")
DESK = Staff("privacy-coordinator", "front-desk")
COORDINATOR = Staff("privacy-coordinator")


@api.post(
    "/v1/requests/<case_id>/identity", who=DESK, body=CheckIdentitySchema, answers=Answers(200, RightsRequestSchema)
)
def check_identity(call: Call) -> Answer:
    """Record how somebody's identity was checked; verified, it sets the inquiry to the own stores in motion."""
    require_person(call.principal)
    with call.transaction() as session:
        case = _edited(session, call)
        identity.check_identity(
            session,
            call.tools,
            case,
            call.body,
            checked_by=call.principal.subject,
            decision_id=str(uuid.uuid4()),
            now=call.now,
        )
        session.flush()
        shown = views.detail(session, call.tools, case, call.principal.roles, call.now)
        return Answer(shown, etag=str(case.version))


@api.post(
    "/v1/requests/<case_id>/decision",
    who=COORDINATOR,
    body=DecideSchema,
    answers=Answers(200, RightsRequestSummarySchema),
    idempotent=True,
    max_bytes=512 * 1024,
)
def decide(call: Call) -> Answer:
    """Decide on a request: grant, grant in part, or refuse with a ground."""
    require_person(call.principal)
    with call.transaction() as session:
        case = _edited(session, call)
        deciding.decide(
            session,
            call.tools,
            case,
            call.body,
            decided_by=call.principal.subject,
            decision_id=str(uuid.uuid4()),
            now=call.now,
        )
        return call.keep(Answer(views.summary(case, call.now), etag=str(case.version)))


@api.post(
    "/v1/requests/<case_id>/extension",
    who=COORDINATOR,
    body=ExtendTermSchema,
    answers=Answers(200, RightsRequestSummarySchema),
)
def extend(call: Call) -> Answer:
    """Extend the term by two months, with notice to the person; only inside the first month."""
    require_person(call.principal)
    with call.transaction() as session:
        case = _edited(session, call)
        clock.extend(session, call.tools, case, call.body, now=call.now)
        return Answer(views.summary(case, call.now), etag=str(case.version))


@api.post("/v1/requests/<case_id>/withdrawal", who=COORDINATOR, answers=Answers(200, RightsRequestSummarySchema))
def withdraw(call: Call) -> Answer:
    """Close a request that the person takes back."""
    require_person(call.principal)
    with call.transaction() as session:
        case = _edited(session, call)
        closing.withdraw(session, call.tools, case, decided_by=call.principal.subject, now=call.now)
        return Answer(views.summary(case, call.now), etag=str(case.version))


@api.post(
    "/v1/requests/<case_id>/delivery",
    who=DESK,
    body=RecordDeliverySchema,
    answers=Answers(200, RightsRequestSummarySchema),
)
def record_delivery(call: Call) -> Answer:
    """Record how an answer that could not be mailed reached the person."""
    _check_delivery(call)
    with call.transaction() as session:
        case = _edited(session, call)
        closing.deliver(session, case, call.body, now=call.now)
        return Answer(views.summary(case, call.now), etag=str(case.version))


def _check_delivery(call: Call) -> None:
    posted = call.body["via"] == "registered-post"
    if posted != (call.body["track_code"] is not None):
        message = Both(
            "Aangetekende post heeft een code, de rest niet.", "Registered post has a code, others have none."
        )
        raise InvalidInputError({"track_code": [message]})
    sent_on: date | None = call.body["sent_on"]
    if sent_on and sent_on > local_date(call.now):
        message = Both("Deze dag is nog niet geweest.", "This day is still to come.")
        raise InvalidInputError({"sent_on": [message]})


def _edited(session: Session, call: Call) -> RightsRequest:
    """Return the case that is being edited, held, in the version its editor has seen."""
    case = case_by_id(session, call.path["case_id"], lock=True)
    call.require_match(str(case.version))
    return case
