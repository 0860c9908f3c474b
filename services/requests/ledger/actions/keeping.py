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
    answers_by_decision,
    decisions_of,
    entries_of,
    is_terminal,
    on_chain_of,
)
from shared.database import insert_once
from shared.errors import IntegrityError
from shared.events import UNCONFIRMED, AnswerClosed, Decision, DecisionClosed, DecisionRegistered, ReceiptIssued
from shared.failpoints import reach
from shared.messaging import envelope as envelopes
from shared.propagation import chain
from shared.propagation.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
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
    [entry] = _append(session, [(delivery, "decision", decision.decision)])
    registered = LedgerDecision(
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
    answers = [
        ExpectedAnswer(
            decision=decision.decision,
            service=expected.service,
            processor=expected.processor or "",
            action=expected.action,
            due_at=expected.due_at,
            next_reminder_at=expected.due_at,
        )
        for expected in decision.expected
    ]
    session.add_all([registered, *answers])
    session.flush()
    tools.outbox.publish(session, announced, now=delivery.now)
    early = (each for each in entries_of(session, decision.decision) if each is not entry)
    for word in early:
        event = envelopes.read_event(envelopes.read(word.body))
        if isinstance(event, ReceiptIssued | AnswerClosed) and event.decision_sha256 == delivery.stored.digest:
            _note({decision.decision: answers}, [event])
        else:
            word.family = STRAY
    session.flush()
    _close_if_complete(session, tools, registered, answers, delivery.now)


def record_words(session: Session, tools: Tools, words: Sequence[tuple[Delivery, Word]]) -> None:
    """Put receipts and closings on the chain; one that comes before its decision waits there for it.

    A receipt that comes after its answer was closed stands on the chain like any other, and what it says takes
    the place of ``closed-unconfirmed``: that only ever meant that nobody had said anything. The closing stays on
    the chain and in the answer's history, and a decision that was closed stays closed.
    """
    new = _not_on_chain(session, words)
    if not new:
        return
    _append(session, [(delivery, _family(word), word.decision) for delivery, word in new])
    # Looked for only now, with the chain's head in hand: whoever registers one at this moment has done so, or waits.
    known = decisions_of(session, {word.decision for _, word in new})
    for _, word in new:
        if word.decision in known and known[word.decision].sha256 != word.decision_sha256:
            raise IntegrityError("it answers another text of this decision")
    for delivery, word in new:
        if not isinstance(word, ReceiptIssued) or _is_a_processors_answer(word):
            Journal(tools.settings.journal).note(delivery.stored, delivery.now)
    answers = answers_by_decision(session, known)
    _note(answers, [word for _, word in new if word.decision in known])
    session.flush()
    reach("ledger.noted")
    last = {word.decision: delivery for delivery, word in new}
    for decision_id, decision in known.items():
        with last[decision_id].traced():
            _close_if_complete(session, tools, decision, answers[decision_id], last[decision_id].now)


def _family(word: Word) -> str:
    return "receipt" if isinstance(word, ReceiptIssued) else "closing"


def _not_on_chain(session: Session, words: Sequence[tuple[Delivery, Word]]) -> list[tuple[Delivery, Word]]:
    """Leave out what the chain holds already, and what came twice."""
    by_key = {(delivery.envelope.source, delivery.envelope.id): (delivery, word) for delivery, word in words}
    on_chain = on_chain_of(session, by_key)
    return [each for key, each in by_key.items() if key not in on_chain]


def _is_a_processors_answer(word: ReceiptIssued) -> bool:
    return word.processor is not None and is_terminal(word.outcome) and word.outcome != "not-addressed"


def _append(session: Session, new: Sequence[tuple[Delivery, str, str]]) -> list[LedgerEntry]:
    """Put events on the chain in this order, each of its family and about its decision."""
    head_table = LedgerHead.__table__
    insert_once(session, head_table, [{"id": 1, "seq": 0, "hash": chain.GENESIS}])  # type: ignore[arg-type]
    head = session.scalars(sa.select(LedgerHead).where(LedgerHead.id == 1).with_for_update()).one()
    entries = []
    for delivery, family, decision in new:
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
        entries.append(entry)
    session.add_all(entries)
    session.flush()
    reach("ledger.appended")
    return entries


def _note(answers: Mapping[str, Sequence[ExpectedAnswer]], words: Iterable[Word]) -> None:
    """Update the answers that these words are about, unless more is known of one already."""
    by_key = {(each.decision, each.service, each.processor): each for theirs in answers.values() for each in theirs}
    for word in words:
        answer = by_key.get((word.decision, word.service, word.processor or ""))
        outcome = word.outcome if isinstance(word, ReceiptIssued) else UNCONFIRMED
        if answer is not None and rules.counts_more(outcome, word.acted_at, answer.outcome, answer.acted_at):
            _answer(answer, word, outcome)


def _answer(answer: ExpectedAnswer, word: Word, outcome: str) -> None:
    answer.outcome, answer.acted_at, answer.terminal = outcome, word.acted_at, is_terminal(outcome)
    if answer.terminal:
        # What our own store keeps has a term here; what a processor keeps, nobody would look at again.
        kept_until = [part.until for part in word.retained if part.until] if isinstance(word, ReceiptIssued) else []
        answer.next_reminder_at = min(kept_until, default=None) if word.processor else None
    if isinstance(word, ReceiptIssued):
        answer.evidence = word.evidence.grade if word.evidence else None
        answer.evidence_digest = word.evidence.digest if word.evidence else None
        answer.covers = (word.evidence.covers or None) if word.evidence else None
        answer.ground, answer.counts = word.ground, dict(word.counts)
        answer.retained = msgspec.to_builtins(word.retained)
    else:
        answer.evidence = answer.evidence_digest = answer.covers = None
        answer.ground, answer.counts, answer.retained = word.reason, {}, []


def _close_if_complete(
    session: Session, tools: Tools, decision: LedgerDecision, answers: Sequence[ExpectedAnswer], now: datetime
) -> None:
    if decision.closed_at is not None or any(not answer.terminal for answer in answers):
        return
    decision.closed_at = now
    tools.outbox.publish(session, DecisionClosed(decision=decision.decision), now=now)
    reach("ledger.closed")
