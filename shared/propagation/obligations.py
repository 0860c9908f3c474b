"""From a decision to a service's obligations: one for its own store, one for each processor it faces."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from shared.database import insert_once, lock_subject, wake_after
from shared.events import Decision, Expected, ReceiptIssued
from shared.propagation import giving, receipts, transfers
from shared.propagation.tables import ASKED, FINISHED, OPEN, obligations

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


@dataclass(frozen=True, slots=True)
class _Accepting:
    """One decision as it reaches one service, with the service's records that it is about."""

    service: Service
    tools: Tools
    delivery: Delivery
    decision: Decision
    kind: str
    records: Records


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
        accepting = _Accepting(service, tools, delivery, decision, kind, records)
        for expected in decision.expected:
            if expected.service == service.name:
                _oblige(session, accepting, expected)
        wake_after(session)

    return handler


def records_of(session: Session, service: Service, decision: Decision, kind: str) -> Records:
    """Return the records of this service that a decision is about, by category, in the holdings' order."""
    if kind in BY_REFS:
        return found_by_refs(session, service, kind, decision.refs, decision.decided_at)
    records: Records = {}
    for holding in service.holdings:
        named = [r.id for r in decision.records if (r.service, r.category) == (service.name, holding.category)]
        if named:
            records[holding.category] = named
    return records


def found_by_refs(session: Session, service: Service, kind: str, refs: Sequence[str], decided_at: datetime) -> Records:
    """Return the records that these refs find now, but for those asked for anew after an unsubscribe was decided."""
    found: Records = {}
    for holding in service.holdings:
        identifiers = holding.find(session, refs)
        if kind == "unsubscribe" and holding.renewed is not None:
            renewed = holding.renewed(session, identifiers, decided_at)
            identifiers = [each for each in identifiers if each not in renewed]
        if identifiers:
            found[holding.category] = identifiers
    return found


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


def _oblige(session: Session, accepting: _Accepting, expected: Expected) -> None:
    decision, delivery = accepting.decision, accepting.delivery
    own = [msgspec.to_builtins(part) for part in decision.retained if part.service == accepting.service.name]
    row: dict[str, object] = {
        "decision": decision.decision,
        "decision_sha256": delivery.stored.digest,
        "kind": accepting.kind,
        "processor": expected.processor or "",
        "action": expected.action,
        "records": accepting.records,
        "refs": list(decision.refs),
        "requested_at": decision.decided_at,
        "due_at": expected.due_at,
        "state": OPEN,
        "progress": {"retained": own},
        "attempts": 0,
        "next_attempt_at": delivery.now,
    }
    if expected.processor is not None:
        row |= _address(session, accepting, expected.processor, expected.action)
    insert_once(session, obligations, [row])


def _address(session: Session, accepting: _Accepting, processor: str, action: str) -> Mapping[str, object]:
    """Work out whether a processor is told at all, and seal what it needs to recognise the person."""
    tools, records = accepting.tools, accepting.records
    flat = [record for identifiers in records.values() for record in identifiers]
    persons = _persons_of(session, accepting.service, records)
    if accepting.kind in giving.STOPPING:
        giving.supersede(session, tools, processor, [*persons, *flat], now=accepting.delivery.now)
    given = set(transfers.held_by(session, processor, flat))
    always = tools.register.get(processor).always
    if not given and not always:
        return _not_addressed(session, accepting, processor, action)
    told = {category: [each for each in ids if always or each in given] for category, ids in records.items()}
    told = {category: identifiers for category, identifiers in told.items() if identifiers}
    values: dict[str, object] = {"records": told, "subject": next(iter(persons), ""), "refs": []}
    subject = identify(session, accepting.service, tools, told)
    if subject is not None:
        name = giving.seal_name(accepting.decision.decision, processor, action)
        sealed = tools.vault.seal(name, asdict(subject))
        values |= {"sealed": sealed.ciphertext, "key_id": sealed.key_id}
    return values


def _persons_of(session: Session, service: Service, records: Records) -> list[str]:
    """Return the keys of the person whose records these are, one for each address; without refs, the records."""
    persons: list[str] = []
    for category, identifiers in records.items():
        holding = service.holding(category)
        refs = holding.refs_of(session, identifiers) if holding is not None and holding.refs_of is not None else {}
        persons += [giving.person_key(refs[each]) if each in refs else each for each in identifiers]
    return persons


def identify(
    session: Session, service: Service, tools: Tools, records: Mapping[str, Sequence[str]]
) -> SubjectIdentifiers | None:
    """Return what the first holding that knows the person of these records says of them, if any does."""
    for category, identifiers in records.items():
        holding = service.holding(category)
        if holding is not None and holding.identify is not None:
            subject = holding.identify(session, tools, identifiers)
            if subject is not None:
                return subject
    return None


def _not_addressed(session: Session, accepting: _Accepting, processor: str, action: str) -> Mapping[str, object]:
    now = accepting.delivery.now
    receipt = ReceiptIssued(
        decision=accepting.decision.decision,
        decision_sha256=accepting.delivery.stored.digest,
        service=accepting.service.name,
        processor=processor,
        action=action,
        outcome="not-addressed",
        acted_at=now,
    )
    event_id = receipts.issue(session, accepting.tools, receipt, now=now)
    return {"records": {}, "refs": [], "state": FINISHED, "receipt_event_id": event_id, "finished_at": now}
