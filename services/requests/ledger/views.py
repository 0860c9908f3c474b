"""What people see of the ledger: counts, states, and each answer with its history."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from services.requests.ledger.records import (
    ExpectedAnswer,
    LedgerClosure,
    LedgerDecision,
    LedgerEntry,
    answers_of,
    closures_of,
    entries_of,
)
from shared.errors import NotFoundError
from shared.events import UNCONFIRMED, AnswerClosed, Decision, ReceiptIssued
from shared.messaging import envelope as envelopes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.propagation.register import Register

_OPEN = LedgerDecision.closed_at.is_(None)


def search(
    session: Session, wanted: Mapping[str, Any], *, after: Sequence[Any] | None, limit: int, now: datetime
) -> list[dict[str, Any]]:
    """Return decisions, the latest first; ``after`` is the (registration number) position of the page before."""
    query = sa.select(LedgerDecision).order_by(LedgerDecision.event_seq.desc()).limit(limit)
    if after:
        query = query.where(LedgerDecision.event_seq < after[0])
    if wanted["kind"]:
        query = query.where(LedgerDecision.kind == wanted["kind"])
    if wanted["case"]:
        query = query.where(LedgerDecision.case == wanted["case"])
    if wanted["state"] == "closed":
        query = query.where(~_OPEN)
    elif wanted["state"]:
        query = query.where(_OPEN)
    if wanted["state"] == "overdue":
        query = query.where(
            sa.exists().where(
                ExpectedAnswer.decision == LedgerDecision.decision,
                ~ExpectedAnswer.terminal,
                ExpectedAnswer.due_at <= now,
            )
        )
    return [summary(session, decision, now) for decision in session.scalars(query)]


def summary(session: Session, decision: LedgerDecision, now: datetime) -> dict[str, Any]:
    """Return a decision with how its answers stand."""
    states = Counter(_state(answer, now) for answer in answers_of(session, decision.decision))
    return {
        **{name: getattr(decision, name) for name in _SHOWN},
        "state": "open" if decision.closed_at is None else "closed",
        "expected": states.total(),
        "answered": states["answered"],
        "overdue": states["overdue"],
        "unconfirmed": states["closed"],
    }


def detail(session: Session, decision_id: str, register: Register, now: datetime) -> dict[str, Any]:
    """Return a decision with every expected answer. Raises NotFoundError."""
    decision = session.get(LedgerDecision, decision_id)
    if decision is None:
        raise NotFoundError("No decision is registered under this id.")
    entries = entries_of(session, decision_id)
    event = next(_event(entry) for entry in entries if entry.family == "decision")
    if not isinstance(event, Decision):
        raise TypeError(decision.kind)
    words = [said for entry in entries if isinstance(said := _event(entry), ReceiptIssued | AnswerClosed)]
    proposed = {(each.service, each.processor): each for each in closures_of(session, decision_id)}
    return {
        **summary(session, decision, now),
        "records": [asdict(record) for record in event.records],
        "retained": [asdict(part) | {"until": part.until and part.until.isoformat()} for part in event.retained],
        "answers": [
            {
                **_answer(answer, register, now),
                "history": _history(answer, words),
                "closure": proposed.get((answer.service, answer.processor)),
            }
            for answer in answers_of(session, decision_id)
        ],
    }


def closures(session: Session, decision_id: str) -> Sequence[LedgerClosure]:
    """Return what was proposed to be closed of a decision, confirmed or not. Raises NotFoundError."""
    if session.get(LedgerDecision, decision_id) is None:
        raise NotFoundError("No decision is registered under this id.")
    return closures_of(session, decision_id)


def _answer(answer: ExpectedAnswer, register: Register, now: datetime) -> dict[str, Any]:
    processor = answer.processor or None
    names = {each.id: each.name for each in register}
    return {
        **{name: getattr(answer, name) for name in _ANSWER},
        "processor": processor,
        "processor_name": names.get(answer.processor, processor),
        "state": _state(answer, now),
    }


def _history(answer: ExpectedAnswer, words: Sequence[ReceiptIssued | AnswerClosed]) -> list[dict[str, Any]]:
    """Return everything that was said of an answer; who closed it and why stays in it for ever."""
    return [
        {"outcome": word.outcome, "acted_at": word.acted_at, "ground": word.ground}
        if isinstance(word, ReceiptIssued)
        else {
            "outcome": UNCONFIRMED,
            "acted_at": word.acted_at,
            "ground": word.reason,
            "closed_by": [word.proposed_by, word.confirmed_by],
        }
        for word in words
        if (word.service, word.processor or "") == (answer.service, answer.processor)
    ]


def _state(answer: ExpectedAnswer, now: datetime) -> str:
    if answer.terminal:
        return "closed" if answer.outcome == UNCONFIRMED else "answered"
    return "overdue" if answer.due_at <= now else "waiting"


def _event(entry: LedgerEntry) -> object:
    return envelopes.read_event(envelopes.read(entry.body))


_SHOWN = (
    "decision",
    "kind",
    "issuer",
    "ground",
    "decided_by",
    "decided_at",
    "reported_by",
    "case",
    "sha256",
    "event_seq",
    "registered_at",
    "closed_at",
)
_ANSWER = (
    "service",
    "action",
    "due_at",
    "outcome",
    "evidence",
    "evidence_digest",
    "covers",
    "acted_at",
    "ground",
    "counts",
    "retained",
)
