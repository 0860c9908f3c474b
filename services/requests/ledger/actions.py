"""Keeping the ledger: append to the chain, note what was answered, close what is complete."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from services.requests.ledger.records import (
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
from shared.events import Decision, DecisionClosed, DecisionRegistered, ReceiptIssued
from shared.messaging import envelope as envelopes
from shared.propagation import chain
from shared.propagation.journal import Journal

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.service import Tools


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
    early = [entry for entry in entries_of(session, decision.decision) if entry.family == "receipt"]
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
    for receipt in early:
        event = envelopes.read_event(envelopes.read(receipt.body))
        if isinstance(event, ReceiptIssued):
            _note(session, event)
    _close_if_complete(session, tools, decision.decision, delivery.now)


def record_receipt(session: Session, tools: Tools, delivery: Delivery, receipt: ReceiptIssued) -> None:
    """Put a receipt on the chain; one that comes before its decision waits there for it."""
    if is_on_chain(session, delivery.envelope.source, delivery.envelope.id):
        return
    known = session.get(LedgerDecision, receipt.decision)
    if known is not None and known.sha256 != receipt.decision_sha256:
        raise IntegrityError("the receipt answers another text of this decision")
    _append(session, delivery, "receipt", receipt.decision)
    if known is not None:
        _note(session, receipt)
        _close_if_complete(session, tools, receipt.decision, delivery.now)


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
    return entry


def _note(session: Session, receipt: ReceiptIssued) -> None:
    """Update the answer a receipt gives; a late word of trouble does not undo an answer that is terminal."""
    answer = session.get(ExpectedAnswer, (receipt.decision, receipt.service, receipt.processor or ""))
    if answer is None or (answer.terminal and not is_terminal(receipt.outcome)):
        return
    if answer.acted_at is not None and answer.acted_at > receipt.acted_at and answer.terminal:
        return
    answer.outcome = receipt.outcome
    answer.evidence = receipt.evidence.grade if receipt.evidence else None
    answer.evidence_digest = receipt.evidence.digest if receipt.evidence else None
    answer.acted_at = receipt.acted_at
    answer.ground = receipt.ground
    answer.counts = dict(receipt.counts)
    answer.retained = msgspec.to_builtins(receipt.retained)
    answer.terminal = is_terminal(receipt.outcome)
    session.flush()


def _close_if_complete(session: Session, tools: Tools, decision_id: str, now: datetime) -> None:
    decision = session.get_one(LedgerDecision, decision_id)
    if decision.closed_at is not None or any(not answer.terminal for answer in answers_of(session, decision_id)):
        return
    decision.closed_at = now
    tools.outbox.publish(session, DecisionClosed(decision=decision_id), now=now)
