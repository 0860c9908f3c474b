"""Rights requests over HTTP: a person asks, staff establish who it is, and a person decides."""

from __future__ import annotations

import secrets
import uuid
from typing import TYPE_CHECKING, Any

from services.requests.cases import views
from services.requests.cases.actions import clock, closing, deciding, identity, opening
from services.requests.cases.letters import day_in
from services.requests.cases.records import case as case_by_id
from services.requests.cases.records import listed
from services.requests.cases.rules import reference_of, require_person
from services.requests.cases.schemas import (
    AcceptedRequestSchema,
    CheckIdentitySchema,
    ClaimSchema,
    DecideSchema,
    ExtendTermSchema,
    LetterTextSchema,
    RecordDeliverySchema,
    RequestsQuerySchema,
    RightsRequestSchema,
    RightsRequestSummarySchema,
    SubmitRightsRequestSchema,
)
from shared.deadlines import local_date
from shared.errors import InvalidInputError
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
    Both,
    Call,
    Page,
    Staff,
    list_of,
)

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy.orm import Session

    from services.requests.cases.records import RightsRequest

api = Api("requests")
DESK = Staff("privacy-coordinator", "front-desk")
COORDINATOR = Staff("privacy-coordinator")
READERS = Staff("privacy-coordinator", "fg", "front-desk")
FOR_STAFF = ("channel", "received_on", "address")


@api.get("/", who=PUBLIC, answers=Answers(200, media=HTML))
def show_form(call: Call) -> Page:
    """Show the form for a rights request."""
    return Page("requests/request.html", {"clinic": call.tools.policy.clinic, "authority": call.tools.policy.authority})


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


@api.get(
    "/v1/requests",
    who=READERS,
    query=RequestsQuerySchema,
    answers=Answers(200, list_of(RightsRequestSummarySchema)),
)
def list_requests(call: Call) -> Answer:
    """List requests, the one that is due first at the top."""
    with call.tools.database.reading() as session:
        rows = listed(session, state=call.query.get("state"), after=call.after, limit=call.size + 1)
        return Answer(
            call.listing(
                rows,
                position=lambda row: [row.due_on.isoformat(), row.id],
                show=lambda row: views.summary(row, call.now),
            )
        )


@api.get("/v1/requests/<case_id>", who=READERS, answers=Answers(200, RightsRequestSchema))
def show_request(call: Call) -> Answer:
    """Show a request, each role its part; what is held only after the identity was established."""
    with call.tools.database.reading() as session:
        return _shown(session, call, case_by_id(session, call.path["case_id"]))


@api.get("/v1/requests/<case_id>/letters/<letter_id>", who=COORDINATOR, answers=Answers(200, LetterTextSchema))
def show_letter(call: Call) -> Answer:
    """Show what a letter says, to print it."""
    with call.tools.database.reading() as session:
        case = case_by_id(session, call.path["case_id"])
        return Answer(views.letter(session, call.tools, case, call.path["letter_id"]))


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
        return _shown(session, call, case)


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


@api.get("/v1/claims/<decision_id>", who=SERVICES, answers=Answers(200, ClaimSchema))
def claim(call: Call) -> Answer:
    """Give a service the proved identifiers of a decision that is being carried out; 410 afterwards."""
    with call.tools.database.reading() as session:
        return Answer(closing.claim(session, call.tools, call.path["decision_id"]))


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
    return Page("requests/received.html", shown | {"authority": call.tools.policy.authority})


def _accepted(case: RightsRequest) -> Answer:
    body: dict[str, Any] = {"reference": case.reference, "due_on": case.due_on}
    if case.entered_by is None:
        return Answer(body)
    return Answer(body | {"id": case.id}, location=f"/requests/v1/requests/{case.id}")


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


def _shown(session: Session, call: Call, case: RightsRequest) -> Answer:
    session.flush()
    return Answer(views.detail(session, call.tools, case, call.principal.roles, call.now), etag=str(case.version))
