"""The end of a request: what was found, what was done, the letter about it, and how that was delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.requests.cases import confirmation, letters
from services.requests.cases.actions.sending import content_of, language_of, send
from services.requests.cases.records import Candidate, case_of_decision, letters_of
from services.requests.cases.rules import UNANSWERED, UNDECIDED, require_state
from services.requests.ledger.records import answers_of
from shared.database import insert_once
from shared.deadlines import local_date
from shared.errors import GoneError, NotFoundError
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.requests.cases.records import RightsRequest
    from shared.events import ReceiptIssued
    from shared.service import Tools

LAST_LETTERS = frozenset({"refusal", "confirmation"})


def note_found(session: Session, receipt: ReceiptIssued) -> None:
    """Keep what an inquiry found, as candidates: references find, people confirm. The request itself is none."""
    case = case_of_decision(session, receipt.decision, lock=True)
    if case is None or case.inquiry != receipt.decision or case.state == "closed":
        return
    rows = [
        {"case": case.id, "service": found.service, "category": found.category, "record": found.id, "found": True}
        for found in receipt.found
        if found.id != case.id
    ]
    insert_once(session, Candidate.__table__, rows)  # type: ignore[arg-type]


def note_closed(session: Session, tools: Tools, decision: str, *, now: datetime) -> None:
    """Go on when the ledger has every answer: assess what was found, or confirm what was done."""
    case = case_of_decision(session, decision, lock=True)
    if case is None:
        return
    if case.inquiry == decision and case.state == "verified":
        case.state = "assessed"
        case.version += 1
    elif case.decision == decision and case.state == "executing":
        _confirm(session, tools, case, decision, now=now)


def withdraw(session: Session, tools: Tools, case: RightsRequest, *, decided_by: str, now: datetime) -> None:
    """Close a request that the person takes back before anything was decided. Raises ConflictError."""
    require_state(case.state, UNDECIDED, Both("Intrekken", "Withdrawing"))
    case.outcome, case.decided_by, case.decided_at = "withdrawn", decided_by, now
    send(session, tools, case, "withdrawal", now=now)
    _close(case, now)


def deliver(session: Session, case: RightsRequest, body: Mapping[str, Any], *, now: datetime) -> None:
    """Record how the answer reached the person, and close (P67). Raises ConflictError in another state."""
    require_state(case.state, UNANSWERED, Both("Bezorging vastleggen", "Recording the delivery"))
    letter = next(each for each in reversed(letters_of(session, case.id)) if each.kind in LAST_LETTERS)
    letter.sent_by, letter.sent_on = body["via"], body["sent_on"] or local_date(now)
    letter.track_code = body["track_code"]
    _close(case, now)


def claim(session: Session, tools: Tools, decision: str) -> dict[str, Any]:
    """Return the identifiers that the identity check proved, for a processor that must recognise the person.

    Raises NotFoundError for an unknown decision, GoneError once everybody has answered.
    """
    case = case_of_decision(session, decision)
    if case is None or case.decision != decision:
        raise NotFoundError("No request has a decision with this id.")
    if case.state != "executing":
        raise GoneError("Everybody has answered: nobody needs this any more.")
    typed = content_of(tools, case)
    return {
        "name": typed["name"],
        "email": typed["email"] if case.email_proved else None,
        "phone": typed["phone"] if case.phone_proved else None,
    }


def _confirm(session: Session, tools: Tools, case: RightsRequest, decision: str, *, now: datetime) -> None:
    language, policy = language_of(case), tools.policy
    facts = confirmation.facts(answers_of(session, decision), language, tools.register, policy)
    content = content_of(tools, case)
    mailed = send(
        session,
        tools,
        case,
        "confirmation",
        now=now,
        name=content["name"],
        explanation=content.get("explanation"),
        decided_on=local_date(case.decided_at or now),
        partly=case.outcome == "partly",
        backups=letters.period_in(language, policy.term("system.backup")),
        key_backups=letters.period_in(language, policy.term("system.key-backup")),
        **facts,
    )
    case.state = "executed"
    case.version += 1
    if mailed:
        _close(case, now)


def _close(case: RightsRequest, now: datetime) -> None:
    case.state, case.closed_at = "closed", now
    case.version += 1
