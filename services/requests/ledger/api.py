"""The ledger over HTTP: find decisions, see who answered what, take the proof along, close what nobody answers."""

from __future__ import annotations

import json
import uuid

from services.requests.ledger import rules, views
from services.requests.ledger.actions import closing
from services.requests.ledger.proof import build_proof
from services.requests.ledger.schemas import (
    ClosureSchema,
    DecisionSchema,
    DecisionSummarySchema,
    ProposeClosureSchema,
    SearchDecisionsSchema,
)
from shared.web import Answer, Answers, Api, Call, Document, PageQuerySchema, Staff, list_of

api = Api("ledger")
READERS = Staff("privacy-coordinator", "fg", "admin", "tool")
SECOND = Staff("privacy-coordinator", "physician")


@api.post(
    "/v1/decisions/search",
    who=READERS,
    body=SearchDecisionsSchema,
    query=PageQuerySchema,
    answers=Answers(200, list_of(DecisionSummarySchema)),
)
def search_decisions(call: Call) -> Answer:
    """List decisions, the latest first, by state, kind and rights request."""
    with call.tools.database.reading() as session:
        rows = views.search(session, call.body, after=call.after, limit=call.size + 1, now=call.now)
    return Answer(call.listing(rows, position=lambda row: [row["event_seq"]]))


@api.get("/v1/decisions/<decision_id>", who=READERS, answers=Answers(200, DecisionSchema))
def show_decision(call: Call) -> Answer:
    """Show a decision with every expected answer: outcome, evidence, time, and what is overdue."""
    with call.tools.database.reading() as session:
        return Answer(views.detail(session, call.path["decision_id"], call.tools.register, call.now))


@api.get("/v1/decisions/<decision_id>/proof", who=READERS, answers=Answers(200, media="application/json"))
def download_proof(call: Call) -> Document:
    """Give the file that ``discreet verify-proof`` checks without this system."""
    with call.tools.database.reading() as session:
        proof = build_proof(session, call.tools, call.path["decision_id"], call.now)
    return Document(
        json.dumps(proof, indent=1).encode(), "application/json", filename=f"proof-{call.path['decision_id']}.json"
    )


@api.get("/v1/decisions/<decision_id>/closures", who=READERS | SECOND, answers=Answers(200, list_of(ClosureSchema)))
def list_closures(call: Call) -> Answer:
    """Show which answers of a decision somebody proposed to close unanswered, and which of them another confirmed."""
    with call.tools.database.reading() as session:
        found = views.closures(session, call.path["decision_id"])
    return Answer({"items": found, "next": None})


@api.post(
    "/v1/decisions/<decision_id>/closures",
    who=Staff("privacy-coordinator"),
    body=ProposeClosureSchema,
    answers=Answers(201, ClosureSchema),
    idempotent=True,
)
def propose_closure(call: Call) -> Answer:
    """Propose to close an overdue answer that a processor will never give; nothing happens until another confirms."""
    rules.require_named_person(call.principal)
    with call.transaction() as session:
        closure = closing.propose(
            session,
            call.path["decision_id"],
            call.body,
            closure_id=str(uuid.uuid4()),
            proposed_by=call.principal.subject,
            now=call.now,
        )
        return call.keep(Answer(closure))


@api.post(
    "/v1/decisions/<decision_id>/closures/<closure_id>/confirmation", who=SECOND, answers=Answers(200, ClosureSchema)
)
def confirm_closure(call: Call) -> Answer:
    """Confirm what somebody else proposed: the answer is closed, visible for ever and never counted as done."""
    rules.require_named_person(call.principal)
    with call.transaction() as session:
        closure = closing.confirm(
            session,
            call.tools,
            call.path["decision_id"],
            call.path["closure_id"],
            confirmed_by=call.principal.subject,
            now=call.now,
        )
        return Answer(closure)
