"""From a decision to a service's obligations: one for its own store, one for each processor it faces."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from shared.database import insert_once, lock_subject, wake_after
from shared.events import Decision, Expected, ReceiptIssued
from shared.propagation import receipts, transfers
from shared.propagation.tables import ASKED, FINISHED, OPEN, SUPERSEDED, obligations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.messaging.envelope import Envelope
    from shared.messaging.outbox import StoredEvent
    from shared.processors.interface import SubjectIdentifiers
    from shared.service import Handler, Service, Tools

BY_REFS = frozenset({"unsubscribe", "inquiry"})
"""The kinds that go by refs alone; every other kind acts only on records a person confirmed."""

Records = dict[str, list[str]]


def accept(service: Service) -> Handler:
    """Return the handler that turns a decision into exactly the obligations it expects of ``service``."""

    def handler(session: Session, tools: Tools, delivery: Delivery) -> None:
        decision, kind = delivery.event, delivery.kind
        if not isinstance(decision, Decision) or kind is None:
            return
        if _is_known(session, decision.decision):
            receipts.say_again(session, tools, decision.decision, now=delivery.now)
            return
        lock_subject(session, decision.refs)
        records = records_of(session, service, decision, kind)
        for expected in decision.expected:
            if expected.service == service.name:
                _oblige(session, service, tools, delivery, decision, kind, expected, records)
        wake_after(session)

    return handler


def records_of(session: Session, service: Service, decision: Decision, kind: str) -> Records:
    """Return the records of this service that a decision is about, by category, in the holdings' order."""
    if kind in BY_REFS:
        found = {holding.category: holding.find(session, decision.refs) for holding in service.holdings}
        return {category: identifiers for category, identifiers in found.items() if identifiers}
    records: Records = {}
    for holding in service.holdings:
        named = [r.id for r in decision.records if (r.service, r.category) == (service.name, holding.category)]
        if named:
            records[holding.category] = named
    return records


def give(
    session: Session,
    tools: Tools,
    processor: str,
    action: str,
    *,
    category: str,
    record: str,
    subject: SubjectIdentifiers,
    now: datetime,
) -> None:
    """Owe a processor something of a record, for instance a confirmed subscription; no decision, no receipt.

    The transfer row is written here and not after the call, because the outcome of a call can stay unknown.
    """
    transfers.record(session, processor, category, [record], now=now)
    sealed = tools.vault.seal(_seal_name("", processor, record), asdict(subject))
    session.execute(
        sa.insert(obligations).values(
            kind="transfer",
            processor=processor,
            action=action,
            subject=record,
            records={category: [record]},
            refs=[],
            requested_at=now,
            state=OPEN,
            progress={},
            attempts=0,
            next_attempt_at=now,
            sealed=sealed.ciphertext,
            key_id=sealed.key_id,
        )
    )
    wake_after(session)


def answer_unknown(tools: Tools, session: Session, envelope: Envelope, stored: StoredEvent, now: datetime) -> None:
    """Tell the ledger that this release does not know a decision's kind; not terminal, so it stays visible."""
    if envelope.decisionid is None:
        return
    receipt = ReceiptIssued(
        decision=envelope.decisionid,
        decision_sha256=stored.digest,
        service=tools.name,
        processor=None,
        action=envelope.type.split(".")[2],
        outcome="unsupported",
        acted_at=now,
    )
    receipts.issue(session, tools, receipt, now=now)


def wake_asked(session: Session, obligation_id: int, now: datetime) -> None:
    """Have a worker look at once at an obligation whose processor has just answered."""
    session.execute(
        sa.update(obligations)
        .where(obligations.c.id == obligation_id, obligations.c.state == ASKED)
        .values(state=OPEN, next_attempt_at=now)
    )
    wake_after(session)


def _is_known(session: Session, decision: str) -> bool:
    return session.scalar(sa.select(obligations.c.id).where(obligations.c.decision == decision).limit(1)) is not None


def _oblige(
    session: Session,
    service: Service,
    tools: Tools,
    delivery: Delivery,
    decision: Decision,
    kind: str,
    expected: Expected,
    records: Records,
) -> None:
    row: dict[str, object] = {
        "decision": decision.decision,
        "decision_sha256": delivery.stored.digest,
        "kind": kind,
        "processor": expected.processor or "",
        "action": expected.action,
        "records": records,
        "refs": list(decision.refs),
        "requested_at": decision.decided_at,
        "due_at": expected.due_at,
        "state": OPEN,
        "stage": None,
        "progress": {"retained": [msgspec.to_builtins(r) for r in decision.retained if r.service == service.name]},
        "attempts": 0,
        "next_attempt_at": delivery.now,
    }
    if expected.processor is not None:
        row |= _address(session, service, tools, delivery, decision, expected.processor, expected.action, records)
    insert_once(session, obligations, [row])


def _address(
    session: Session,
    service: Service,
    tools: Tools,
    delivery: Delivery,
    decision: Decision,
    processor: str,
    action: str,
    records: Records,
) -> Mapping[str, object]:
    """Work out whether a processor is told at all, and seal what it needs to recognise the person."""
    flat = [record for identifiers in records.values() for record in identifiers]
    given = set(transfers.held_by(session, processor, flat))
    always = tools.register.get(processor).always
    if not given and not always:
        return _not_addressed(session, tools, delivery, decision, processor, action)
    addressed = records if always else {c: [r for r in ids if r in given] for c, ids in records.items()}
    addressed = {category: identifiers for category, identifiers in addressed.items() if identifiers}
    _supersede_transfers(session, tools, processor, flat)
    first = next(iter(next(iter(addressed.values()), [])), "")
    subject = identify(session, service, tools, addressed)
    values: dict[str, object] = {"records": addressed, "subject": first, "refs": []}
    if subject is not None:
        sealed = tools.vault.seal(_seal_name(decision.decision, processor, action), asdict(subject))
        values |= {"sealed": sealed.ciphertext, "key_id": sealed.key_id}
    return values


def identify(session: Session, service: Service, tools: Tools, records: Mapping[str, Sequence[str]]) -> SubjectIdentifiers | None:
    """Return what the first holding that knows the person of these records says of them, if any does."""
    for category, identifiers in records.items():
        holding = service.holding(category)
        if holding is not None and holding.identify is not None:
            subject = holding.identify(session, tools, identifiers)
            if subject is not None:
                return subject
    return None


def _not_addressed(
    session: Session, tools: Tools, delivery: Delivery, decision: Decision, processor: str, action: str
) -> Mapping[str, object]:
    receipt = ReceiptIssued(
        decision=decision.decision,
        decision_sha256=delivery.stored.digest,
        service=tools.name,
        processor=processor,
        action=action,
        outcome="not-addressed",
        acted_at=delivery.now,
    )
    event_id = receipts.issue(session, tools, receipt, now=delivery.now)
    return {"records": {}, "refs": [], "state": FINISHED, "receipt_event_id": event_id, "finished_at": delivery.now}


def _supersede_transfers(session: Session, tools: Tools, processor: str, records: Sequence[str]) -> None:
    """Drop what was still to be given of these records; what is being given now is waited out by the workers."""
    waiting = sa.and_(
        obligations.c.decision.is_(None),
        obligations.c.processor == processor,
        obligations.c.subject.in_(records),
        obligations.c.state == OPEN,
    )
    keys = list(session.scalars(sa.select(obligations.c.key_id).where(waiting, obligations.c.key_id.is_not(None))))
    session.execute(sa.update(obligations).where(waiting).values(state=SUPERSEDED, sealed=None, key_id=None))
    tools.vault.destroy_after_commit(session, keys)


def _seal_name(decision: str, processor: str, part: str) -> str:
    return f"obligation:{decision}:{processor}:{part}"


def seal_name_of(row: Mapping[str, object]) -> str:
    """Return the name under which an obligation's identifiers were sealed."""
    part = row["action"] if row["decision"] else row["subject"]
    return _seal_name(str(row["decision"] or ""), str(row["processor"]), str(part))
