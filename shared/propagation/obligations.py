"""From a decision to a service's obligations: one for its own store, one for each processor it faces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from shared.database import insert_once, lock_subject, wake_after
from shared.events import Decision, Expected, ReceiptIssued
from shared.failpoints import reach
from shared.propagation import receipts
from shared.propagation.addressing import Accepting, address
from shared.propagation.tables import ASKED, OPEN, PARKED, SUPERSEDED, obligations

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.messaging.envelope import Envelope
    from shared.messaging.outbox import StoredEvent
    from shared.propagation.addressing import Records
    from shared.service import Handler, Service, Tools

BY_REFS = frozenset({"unsubscribe", "inquiry"})
"""The kinds that go by refs alone; every other kind acts only on records a person confirmed."""
SAYING_NO = frozenset({"unsubscribe", "withdrawal", "objection"})
"""The kinds by which a person says no to what they may say yes to again; the last that they say counts."""


def accept(service: Service) -> Handler:
    """Return the handler that turns a decision into exactly the obligations it expects of ``service``."""

    def handler(session: Session, tools: Tools, delivery: Delivery) -> None:
        decision, kind = delivery.event, delivery.kind
        if not isinstance(decision, Decision) or kind is None:
            return
        if _is_known(session, decision.decision):
            receipts.say_again(session, tools, decision.decision, now=delivery.now)
            return
        named = named_by(service, decision)
        lock_records(session, service, decision.refs, named)
        records = current_records(session, service, kind, named, decision.refs, decided_at=decision.decided_at)
        accepting = Accepting(service, tools, delivery, decision, kind, records)
        for expected in decision.expected:
            if expected.service == service.name:
                _oblige(session, accepting, expected)
        wake_after(session)
        reach("obligation.made")

    return handler


def named_by(service: Service, decision: Decision) -> Records:
    """Return the records of this service that a decision names, by category."""
    named: Records = {}
    for record in decision.records:
        if record.service == service.name:
            named.setdefault(record.category, []).append(record.id)
    return named


def lock_records(session: Session, service: Service, refs: Sequence[str], records: Records) -> None:
    """Hold everybody else off the people of a decision, and off those whose records it names.

    Such a record can stand under an address that the decision does not know.
    """
    theirs = {
        ref
        for holding in service.holdings
        if holding.refs_of is not None and records.get(holding.category)
        for ref in holding.refs_of(session, records[holding.category]).values()
    }
    lock_subject(session, theirs.union(refs))
    if theirs:  # what was read before the lock was held may have changed while it was waited for
        session.flush()
        session.expire_all()


def current_records(
    session: Session, service: Service, kind: str, named: Records, refs: Sequence[str], *, decided_at: datetime
) -> Records:
    """Return what a decision is about now: what its refs find or what it names, in the holdings' order.

    But for what the person asked for anew after they, or somebody for them, had said no.
    """
    current: Records = {}
    for holding in service.holdings:
        identifiers = holding.find(session, refs) if kind in BY_REFS else named.get(holding.category, [])
        if kind in SAYING_NO and holding.renewed is not None:
            renewed = holding.renewed(session, identifiers, decided_at)
            identifiers = [each for each in identifiers if each not in renewed]
        if identifiers:
            current[holding.category] = list(identifiers)
    return current


def answer_unknown(tools: Tools, session: Session, envelope: Envelope, stored: StoredEvent, now: datetime) -> None:
    """Tell the ledger that this release does not know a decision's kind; not terminal, so it stays visible."""
    if envelope.decisionid is None:
        return
    receipt = ReceiptIssued(
        decision=envelope.decisionid,
        decision_sha256=stored.digest,
        service=tools.name,
        processor=None,
        action=envelope.type.split(".")[2][:20],  # as wide as what keeps it
        outcome="unsupported",
        acted_at=now,
    )
    receipts.issue(session, tools, receipt, now=now)


def wake_asked(session: Session, *, decision: str, processor: str, action: str, now: datetime) -> None:
    """Have a worker look at once at the obligation whose processor has just answered, also one that was set aside.

    Also one that was withdrawn: what a processor says after all is told to the ledger. One without a decision is
    looked at when its adapter said.
    """
    session.execute(
        sa.update(obligations)
        .where(
            obligations.c.decision == decision,
            obligations.c.processor == processor,
            obligations.c.action == action,
            obligations.c.state.in_([ASKED, OPEN, PARKED, SUPERSEDED]),
        )
        .values(state=OPEN, next_attempt_at=now)
    )
    wake_after(session)


def _is_known(session: Session, decision: str) -> bool:
    return session.scalar(sa.select(obligations.c.id).where(obligations.c.decision == decision).limit(1)) is not None


def _oblige(session: Session, accepting: Accepting, expected: Expected) -> None:
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
        row |= address(session, accepting, expected.processor, expected.action)
    insert_once(session, obligations, [row])
