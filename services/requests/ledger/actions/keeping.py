"""Keeping the ledger: append to the chain, note what was answered, close what is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import msgspec
import sqlalchemy as sa

from services.requests.ledger import rules
from services.requests.ledger.records import (
    STRAY,
    ExpectedAnswer,
    LedgerDecision,
    LedgerEntry,
    LedgerHead,
    answers_of,
    entries_of,
    is_on_chain,
    is_terminal,
)
from shared.database import insert_once
from shared.errors import IntegrityError
from shared.events import UNCONFIRMED, AnswerClosed, Decision, DecisionClosed, DecisionRegistered, ReceiptIssued
from shared.failpoints import reach
from shared.messaging import envelope as envelopes
from shared.propagation import chain
from shared.propagation.journal import Journal

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.service import Tools

Word: TypeAlias = ReceiptIssued | AnswerClosed
"""What is said of an answer that a decision waits for."""


def register(session: Session, tools: Tools, delivery: Delivery, decision: Decision) -> None:
    """Put a decision on the chain with the answers it waits for, and tell its issuer; again if said again."""
    announced = DecisionRegistered(decision=decision.decision, decision_sha256=delivery.stored.digest)
    known = session.get(LedgerDecision, decision.decision)
    if known is not None:
        if known.sha256 != delivery.stored.digest:
            raise IntegrityError("another decision is registered under this id")
        tools.outbox.publish(session, announced, now=delivery.now)
        return
    Journal(tools.settings.journal).append(delivery.stored, delivery.now)
    reach("ledger.journalled")
    early = entries_of(session, decision.decision)
    entry = _append(session, delivery, "decision", decision.decision)
    session.add(
        LedgerDecision(
            decision=decision.decision,
            kind=delivery.kind,
            issuer=decision.issuer,
            ground=decision.ground,
            decided_by=decision.decided_by,
            decided_at=decision.decided_at,
            reported_by=decision.reported_by,
            case=decision.case,
            sha256=delivery.stored.digest,
            event_seq=entry.seq,
            registered_at=delivery.now,
        )
    )
    session.add_all(
        ExpectedAnswer(
            decision=decision.decision,
            service=expected.service,
            processor=expected.processor or "",
            action=expected.action,
            due_at=expected.due_at,
            next_reminder_at=expected.due_at,
        )
        for expected in decision.expected
    )
    session.flush()
    tools.outbox.publish(session, announced, now=delivery.now)
    for word in early:
        event = envelopes.read_event(envelopes.read(word.body))
        if isinstance(event, ReceiptIssued | AnswerClosed) and event.decision_sha256 == delivery.stored.digest:
            _note(session, event)
        else:
            word.family = STRAY
    _close_if_complete(session, tools, decision.decision, delivery.now)


def record_word(session: Session, tools: Tools, delivery: Delivery, word: Word) -> None:
    """Put a receipt or a closing on the chain; one that comes before its decision waits there for it.

    A receipt that comes after its answer was closed stands on the chain like any other, and what it says takes
    the place of ``closed-unconfirmed``: that only ever meant that nobody had said anything. The closing stays on
    the chain and in the answer's history, and a decision that was closed stays closed.
    """
    if is_on_chain(session, delivery.envelope.source, delivery.envelope.id):
        return
    known = session.get(LedgerDecision, word.decision)
    if known is not None and known.sha256 != word.decision_sha256:
        raise IntegrityError("it answers another text of this decision")
    _append(session, delivery, "receipt" if isinstance(word, ReceiptIssued) else "closing", word.decision)
    if not isinstance(word, ReceiptIssued) or _is_a_processors_answer(word):
        Journal(tools.settings.journal).note(delivery.stored, delivery.now)
    if known is not None:
        _note(session, word)
        _close_if_complete(session, tools, word.decision, delivery.now)


def _is_a_processors_answer(word: ReceiptIssued) -> bool:
    return word.processor is not None and is_terminal(word.outcome) and word.outcome != "not-addressed"


def _append(session: Session, delivery: Delivery, family: str, decision: str) -> LedgerEntry:
    head_table = LedgerHead.__table__
    insert_once(session, head_table, [{"id": 1, "seq": 0, "hash": chain.GENESIS}])  # type: ignore[arg-type]
    head = session.scalars(sa.select(LedgerHead).where(LedgerHead.id == 1).with_for_update()).one()
    stored = delivery.stored
    entry = LedgerEntry(
        seq=head.seq + 1,
        family=family,
        decision=decision,
        source=delivery.envelope.source,
        event_id=delivery.envelope.id,
        type=stored.type,
        body=stored.body,
        signature=stored.signature,
        key_id=stored.key_id,
        recorded_at=delivery.now,
    )
    entry.entry_digest = chain.entry_digest(
        seq=entry.seq, recorded_at=delivery.now, body=stored.body, signature=stored.signature, key_id=stored.key_id
    )
    entry.hash = chain.link(head.hash, entry.entry_digest)
    head.seq, head.hash = entry.seq, entry.hash
    session.add(entry)
    session.flush()
    reach("ledger.appended")
    return entry


def _note(session: Session, word: Word) -> None:
    """Update the answer a word is about, unless more is known of it already."""
    answer = session.get(ExpectedAnswer, (word.decision, word.service, word.processor or ""))
    outcome = word.outcome if isinstance(word, ReceiptIssued) else UNCONFIRMED
    if answer is None or not rules.counts_more(outcome, word.acted_at, answer.outcome, answer.acted_at):
        return
    answer.outcome, answer.acted_at, answer.terminal = outcome, word.acted_at, is_terminal(outcome)
    if answer.terminal:
        # What our own store keeps has a term here; what a processor keeps, nobody would look at again.
        kept_until = [part.until for part in word.retained if part.until] if isinstance(word, ReceiptIssued) else []
        answer.next_reminder_at = min(kept_until, default=None) if word.processor else None
    if isinstance(word, ReceiptIssued):
        answer.evidence = word.evidence.grade if word.evidence else None
        answer.evidence_digest = word.evidence.digest if word.evidence else None
        answer.ground, answer.counts = word.ground, dict(word.counts)
        answer.retained = msgspec.to_builtins(word.retained)
    else:
        answer.evidence = answer.evidence_digest = None
        answer.ground, answer.counts, answer.retained = word.reason, {}, []
    session.flush()
    reach("ledger.noted")


def _close_if_complete(session: Session, tools: Tools, decision_id: str, now: datetime) -> None:
    decision = session.get_one(LedgerDecision, decision_id)
    if decision.closed_at is not None or any(not answer.terminal for answer in answers_of(session, decision_id)):
        return
    decision.closed_at = now
    tools.outbox.publish(session, DecisionClosed(decision=decision_id), now=now)
    reach("ledger.closed")
