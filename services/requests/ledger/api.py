"""The ledger over HTTP: find decisions, see who answered what, and take the proof along."""

from __future__ import annotations

import json

from services.requests.ledger import views
from services.requests.ledger.proof import build_proof
from services.requests.ledger.schemas import DecisionSchema, DecisionSummarySchema, SearchDecisionsSchema
from shared.web import Answer, Answers, Api, Call, Document, PageQuerySchema, Staff, list_of

api = Api("ledger")
READERS = Staff("privacy-coordinator", "fg", "admin", "tool")


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
