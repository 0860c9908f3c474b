"""Closing an answer that nobody gives: one person proposes it, another confirms it, and only then it is announced."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.requests.ledger import rules
from services.requests.ledger.records import ExpectedAnswer, LedgerClosure, LedgerDecision, closure_of
from shared.errors import ConflictError, InvalidInputError, NotFoundError
from shared.events import AnswerClosed
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.service import Tools

CONFIRMED = Both("Dit is al bevestigd.", "This is confirmed already.")


def propose(
    session: Session, decision: str, wanted: Mapping[str, str], *, closure_id: str, proposed_by: str, now: datetime
) -> LedgerClosure:
    """Propose to close the answer of a processor. It takes the place of a proposal that nobody confirmed.

    An own store is never closed: it is ours to repair. Raises NotFoundError, InvalidInputError for an answer the
    decision does not wait for, and ConflictError for one that has come or is not overdue.
    """
    if session.get(LedgerDecision, decision) is None:
        raise NotFoundError("No decision is registered under this id.")
    answer = _held(session, decision, wanted["service"], wanted["processor"])
    if answer is None:
        message = Both("Dit besluit wacht niet op deze verwerker.", "This decision does not wait for this processor.")
        raise InvalidInputError({"processor": [message]})
    rules.check_closable(terminal=answer.terminal, due_at=answer.due_at, now=now)
    earlier = closure_of(session, decision, answer.service, answer.processor)
    if earlier is not None:
        _replace(session, earlier)
    closure = LedgerClosure(
        id=closure_id,
        decision=decision,
        service=answer.service,
        processor=answer.processor,
        action=answer.action,
        reason=wanted["reason"],
        proposed_by=proposed_by,
        proposed_at=now,
    )
    session.add(closure)
    session.flush()
    return closure


def confirm(
    session: Session, tools: Tools, decision: str, closure_id: str, *, confirmed_by: str, now: datetime
) -> LedgerClosure:
    """Confirm a proposal and announce it: the ledger closes the answer when it hears that, like everybody else.

    Confirmed again by the same person it is the same. Raises NotFoundError; ForbiddenError for the person who
    proposed it; ConflictError when another confirmed it, or the answer has come.
    """
    closure = session.get(LedgerClosure, closure_id, with_for_update=True)
    if closure is None or closure.decision != decision:
        raise NotFoundError("There is no such proposal, or another took its place.")
    rules.check_second(closure.proposed_by, confirmed_by)
    if closure.confirmed_by is not None:
        if closure.confirmed_by != confirmed_by:
            raise ConflictError(CONFIRMED)
        return closure
    answer = _held(session, decision, closure.service, closure.processor)
    if answer is None:
        raise NotFoundError
    rules.check_closable(terminal=answer.terminal, due_at=answer.due_at, now=now)
    closure.confirmed_by, closure.confirmed_at = confirmed_by, now
    session.flush()
    tools.outbox.publish(session, _announced(session, closure, confirmed_by, now), now=now)
    return closure


def _announced(session: Session, closure: LedgerClosure, confirmed_by: str, now: datetime) -> AnswerClosed:
    return AnswerClosed(
        decision=closure.decision,
        decision_sha256=session.get_one(LedgerDecision, closure.decision).sha256,
        service=closure.service,
        processor=closure.processor,
        action=closure.action,
        reason=closure.reason,
        proposed_by=closure.proposed_by,
        confirmed_by=confirmed_by,
        acted_at=now,
    )


def _replace(session: Session, earlier: LedgerClosure) -> None:
    if earlier.confirmed_by is not None:
        raise ConflictError(CONFIRMED)
    session.delete(earlier)
    session.flush()


def _held(session: Session, decision: str, service: str, processor: str) -> ExpectedAnswer | None:
    """Return an answer, held until the transaction ends, so that two proposals or two words do not cross."""
    return session.get(ExpectedAnswer, (decision, service, processor), with_for_update=True)
