"""Requests as they stand, over HTTP: each role its part, and for services what an identity check proved."""

from __future__ import annotations

from services.requests.cases import views
from services.requests.cases.actions import closing
from services.requests.cases.records import case as case_by_id
from services.requests.cases.records import listed
from services.requests.cases.schemas.asked import RequestsQuerySchema
from services.requests.cases.schemas.shown import (
    ClaimSchema,
    LetterTextSchema,
    RightsRequestSchema,
    RightsRequestSummarySchema,
)
from shared.web import SERVICES, Answer, Answers, Api, Call, Staff, list_of

api = Api("requests")
COORDINATOR = Staff("privacy-coordinator")
READERS = Staff("privacy-coordinator", "fg", "front-desk")


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
        case = case_by_id(session, call.path["case_id"])
        shown = views.detail(session, call.tools, case, call.principal.roles, call.now)
        return Answer(shown, etag=str(case.version))


@api.get("/v1/requests/<case_id>/letters/<letter_id>", who=COORDINATOR, answers=Answers(200, LetterTextSchema))
def show_letter(call: Call) -> Answer:
    """Show what a letter says, to print it."""
    with call.tools.database.reading() as session:
        case = case_by_id(session, call.path["case_id"])
        return Answer(views.letter(session, call.tools, case, call.path["letter_id"]))


@api.get("/v1/claims/<decision_id>", who=SERVICES, answers=Answers(200, ClaimSchema))
def claim(call: Call) -> Answer:
    """Give a service the proved identifiers of a decision that is being carried out; 410 afterwards."""
    with call.tools.database.reading() as session:
        return Answer(closing.claim(session, call.tools, call.path["decision_id"]))
