"""Keeping the ledger: decisions are registered, and words on them recorded, as many as came together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from services.requests.ledger.actions.appending import append
from services.requests.ledger.actions.noting import Word, note
from services.requests.ledger.records import STRAY, answers, decisions, digests_of, entries, is_terminal, on_chain_of
from shared.database import insert_all
from shared.errors import IntegrityError
from shared.events import AnswerClosed, Decision, DecisionRegistered, ReceiptIssued
from shared.failpoints import reach
from shared.many import among_given
from shared.messaging import envelope as envelopes
from shared.propagation.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.service import Tools

Told: TypeAlias = "Sequence[tuple[Delivery, Decision]]"

_EARLY = sa.select(entries.c.seq, entries.c.body).order_by(entries.c.seq)
_EARLY = _EARLY.where(among_given(entries.c.decision, "decisions"), entries.c.family.in_(["receipt", "closing"]))
_STRAYING = sa.update(entries).where(among_given(entries.c.seq, "strays")).values(family=STRAY)


def register(session: Session, tools: Tools, told: Told) -> None:
    """Put decisions on the chain with the answers they wait for, and tell their issuers; again if said again.

    Raises IntegrityError when another text is registered under the id of one.
    """
    digests = digests_of(session, {decision.decision for _, decision in told})
    new: list[tuple[Delivery, Decision]] = []
    for delivery, decision in told:
        digest = delivery.stored.digest
        if decision.decision not in digests:
            digests[decision.decision] = digest
            new.append((delivery, decision))
        elif digests[decision.decision] != digest:
            raise IntegrityError("another decision is registered under this id")
    if new:
        _put_down(session, tools, new, digests)
    announced = [DecisionRegistered(decision=each.decision, decision_sha256=digests[each.decision]) for _, each in told]
    traces = [delivery.envelope.traceparent for delivery, _ in told]
    tools.outbox.publish_all(session, announced, now=told[-1][0].now, traces=traces)
    if new:
        _take_early_words(session, tools, new, digests)


def record_words(session: Session, tools: Tools, words: Sequence[tuple[Delivery, Word]]) -> None:
    """Put receipts and closings on the chain; one that comes before its decision waits there for it.

    A receipt that comes after its answer was closed stands on the chain like any other, and what it says takes
    the place of ``closed-unconfirmed``: that only ever meant that nobody had said anything. The closing stays on
    the chain and in the answer's history, and a decision that was closed stays closed.
    """
    new = _not_on_chain(session, words)
    if not new:
        return
    append(session, [(delivery, _family(word), word.decision) for delivery, word in new])
    # Looked for only now, with the chain's head in hand: whoever registers one at this moment has done so, or waits.
    digests = digests_of(session, {word.decision for _, word in new})
    known = [(delivery, word) for delivery, word in new if word.decision in digests]
    if any(digests[word.decision] != word.decision_sha256 for _, word in known):
        raise IntegrityError("it answers another text of this decision")
    kept = [delivery for delivery, word in new if not isinstance(word, ReceiptIssued) or _is_a_processors_answer(word)]
    Journal(tools.settings.journal).note([(delivery.stored, delivery.now) for delivery in kept])
    if known:
        note(session, tools, [word for _, word in known], {word.decision: delivery for delivery, word in known})


def _put_down(session: Session, tools: Tools, new: Told, digests: Mapping[str, str]) -> None:
    """Write decisions where a restore finds them, and then into the database."""
    Journal(tools.settings.journal).append([(delivery.stored, delivery.now) for delivery, _ in new])
    reach("ledger.journalled")
    numbers = append(session, [(delivery, "decision", decision.decision) for delivery, decision in new])
    rows = [
        {
            "decision": decision.decision,
            "kind": delivery.kind,
            "issuer": decision.issuer,
            "ground": decision.ground,
            "decided_by": decision.decided_by,
            "decided_at": decision.decided_at,
            "reported_by": decision.reported_by,
            "case": decision.case,
            "sha256": digests[decision.decision],
            "event_seq": number,
            "registered_at": delivery.now,
        }
        for (delivery, decision), number in zip(new, numbers, strict=True)
    ]
    insert_all(session, decisions, rows)
    insert_all(session, answers, [row for _, decision in new for row in _expected(decision)])


def _expected(decision: Decision) -> Iterator[dict[str, Any]]:
    for expected in decision.expected:
        yield {
            "decision": decision.decision,
            "service": expected.service,
            "processor": expected.processor or "",
            "action": expected.action,
            "due_at": expected.due_at,
            "next_reminder_at": expected.due_at,
        }


def _take_early_words(session: Session, tools: Tools, new: Told, digests: Mapping[str, str]) -> None:
    """Note what was said of these before they came themselves; what answers another text only stays on the chain."""
    words: list[Word] = []
    strays: list[int] = []
    named = [decision.decision for _, decision in new]
    for number, body in session.connection().execute(_EARLY, {"decisions": named}):
        word = envelopes.read_event(envelopes.read(body))
        if isinstance(word, ReceiptIssued | AnswerClosed) and word.decision_sha256 == digests[word.decision]:
            words.append(word)
        else:
            strays.append(number)
    if strays:
        session.connection().execute(_STRAYING, {"strays": strays})
    said = {word.decision for word in words}
    concerned = {each.decision: delivery for delivery, each in new if each.decision in said or not each.expected}
    if concerned:
        note(session, tools, words, concerned)


def _family(word: Word) -> str:
    return "receipt" if isinstance(word, ReceiptIssued) else "closing"


def _not_on_chain(session: Session, words: Sequence[tuple[Delivery, Word]]) -> list[tuple[Delivery, Word]]:
    """Leave out what the chain holds already, and what came twice."""
    by_key = {(delivery.envelope.source, delivery.envelope.id): (delivery, word) for delivery, word in words}
    on_chain = on_chain_of(session, by_key)
    return [each for key, each in by_key.items() if key not in on_chain]


def _is_a_processors_answer(word: ReceiptIssued) -> bool:
    return word.processor is not None and is_terminal(word.outcome) and word.outcome != "not-addressed"
