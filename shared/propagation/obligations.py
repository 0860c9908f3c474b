"""From a decision to a service's obligations: one for its own store, one for each processor it faces."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from shared.database import insert_once, lock_subject, wake_after
from shared.events import Decision, Expected, ReceiptIssued
from shared.failpoints import reach
from shared.many import among_given
from shared.propagation import receipts
from shared.propagation.addressing import Accepting, address_all
from shared.propagation.tables import ASKED, OPEN, PARKED, SUPERSEDED, obligations

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.messaging.envelope import Envelope
    from shared.messaging.outbox import StoredEvent
    from shared.propagation.addressing import Records
    from shared.service import Handler, Holding, Service, Tools

BY_REFS = frozenset({"unsubscribe", "inquiry"})
"""The kinds that go by refs alone; every other kind acts only on records a person confirmed."""
SAYING_NO = frozenset({"unsubscribe", "withdrawal", "objection"})
"""The kinds by which a person says no to what they may say yes to again; the last that they say counts."""
_OBLIGED = sa.select(obligations.c.decision).where(among_given(obligations.c.decision, "decisions"))


@dataclass(frozen=True, slots=True)
class About:
    """Whom and what a decision is about at one service: refs, the records it names there, and when it was taken."""

    refs: Collection[str]
    named: Records
    decided_at: datetime


def accept(service: Service) -> Handler:
    """Return the handler that turns a decision into exactly the obligations it expects of ``service``."""

    def handler(session: Session, tools: Tools, deliveries: Sequence[Delivery]) -> None:
        known = _known(session, deliveries)
        fresh: list[tuple[Delivery, Decision]] = []
        again: list[tuple[Delivery, Decision]] = []
        for delivery in deliveries:
            if isinstance(decision := delivery.event, Decision):
                (again if decision.decision in known else fresh).append((delivery, decision))
                known.add(decision.decision)
        _oblige_own(session, service, fresh)
        _oblige_processors(session, service, tools, fresh)
        for delivery, decision in again:
            with delivery.traced():
                receipts.say_again(session, tools, decision.decision, now=delivery.now)
        wake_after(session, "obligation")
        reach("obligation.made")

    return handler


def named_by(service: Service, decision: Decision) -> Records:
    """Return the records of this service that a decision names, by category."""
    named: Records = {}
    for record in decision.records:
        if record.service == service.name:
            named.setdefault(record.category, []).append(record.id)
    return named


def lock_records(session: Session, service: Service, abouts: Sequence[About]) -> None:
    """Hold everybody else off the people of decisions, and off those whose records they name.

    Such a record can stand under an address that the decision does not know.
    """
    theirs: set[str] = set()
    for holding in service.holdings:
        named = [record for about in abouts for record in about.named.get(holding.category, ())]
        if named and holding.refs_of is not None:
            theirs.update(holding.refs_of(session, named).values())
    lock_subject(session, theirs.union(*(about.refs for about in abouts)))
    if theirs:  # what was read before the lock was held may have changed while it was waited for
        session.flush()
        session.expire_all()


def current_records(session: Session, service: Service, kind: str, abouts: Sequence[About]) -> list[Records]:
    """Return what decisions of a kind are about now: what their refs find or what they name, in the holdings' order.

    But for what the person asked for anew after they, or somebody for them, had said no.
    """
    current: list[Records] = [{} for _ in abouts]
    for holding in service.holdings:
        meant = _meant(session, holding, kind, abouts)
        renewed: Mapping[str, datetime] = {}
        if any(meant) and kind in SAYING_NO and holding.renewed is not None:
            renewed = holding.renewed(session, [each for theirs in meant for each in theirs])
        for records, about, theirs in zip(current, abouts, meant, strict=True):
            still = [each for each in theirs if each not in renewed or renewed[each] <= about.decided_at]
            if still:
                records[holding.category] = still
    return current


def _meant(session: Session, holding: Holding, kind: str, abouts: Sequence[About]) -> list[Sequence[str]]:
    if kind not in BY_REFS:
        return [about.named.get(holding.category, ()) for about in abouts]
    found = holding.find(session, sorted({ref for about in abouts for ref in about.refs}))
    return [[each for each, its in found.items() if not its.isdisjoint(about.refs)] for about in abouts]


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
    wake_after(session, "obligation")


def _known(session: Session, deliveries: Sequence[Delivery]) -> set[str]:
    named = [each.event.decision for each in deliveries if isinstance(each.event, Decision)]
    return set(session.connection().scalars(_OBLIGED, {"decisions": named}))


def _oblige_own(session: Session, service: Service, told: Sequence[tuple[Delivery, Decision]]) -> None:
    """Oblige the own store. It looks for itself, under the subject's lock, what there is when it is carried out."""
    rows = [
        {**_row(service, delivery, decision, expected), "records": named_by(service, decision)}
        for delivery, decision in told
        for expected in decision.expected
        if expected.service == service.name and expected.processor is None
    ]
    insert_once(session, obligations, rows)


def _oblige_processors(
    session: Session, service: Service, tools: Tools, told: Sequence[tuple[Delivery, Decision]]
) -> None:
    """Oblige the processors this service faces, each with what it has of whom these decisions are about."""
    facing: dict[str, list[tuple[int, Expected]]] = {}
    for number, (_, decision) in enumerate(told):
        for expected in decision.expected:
            if expected.service == service.name and expected.processor is not None:
                facing.setdefault(expected.processor, []).append((number, expected))
    if not facing:
        return
    kind = str(told[0][0].kind)
    abouts = [About(decision.refs, named_by(service, decision), decision.decided_at) for _, decision in told]
    lock_records(session, service, abouts)
    accepting = [
        Accepting(service, tools, delivery, decision, kind, records)
        for (delivery, decision), records in zip(told, current_records(session, service, kind, abouts), strict=True)
    ]
    for processor, asked in facing.items():
        values = address_all(session, processor, [(accepting[number], each.action) for number, each in asked])
        rows = [
            {**_row(service, *told[number], each), **own} for (number, each), own in zip(asked, values, strict=True)
        ]
        _insert_alike(session, rows)


def _insert_alike(session: Session, rows: Sequence[dict[str, object]]) -> None:
    """Insert rows of which some have more columns than others: those with the same ones together."""
    for _, alike in groupby(rows, key=sorted):
        insert_once(session, obligations, list(alike))


def _row(service: Service, delivery: Delivery, decision: Decision, expected: Expected) -> dict[str, object]:
    own = [msgspec.to_builtins(part) for part in decision.retained if part.service == service.name]
    return {
        "decision": decision.decision,
        "decision_sha256": delivery.stored.digest,
        "kind": delivery.kind,
        "processor": expected.processor or "",
        "action": expected.action,
        "refs": list(decision.refs),
        "requested_at": decision.decided_at,
        "due_at": expected.due_at,
        "state": OPEN,
        "progress": {"retained": own},
        "attempts": 0,
        "next_attempt_at": delivery.now,
    }
