"""Taking a decision: it says what must happen to what and who must answer, and is said until it is registered."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NotRequired, TypedDict

import sqlalchemy as sa

from shared.backoff import pause
from shared.database import insert_all
from shared.events import Decision, DecisionClosed, DecisionRegistered, Expected
from shared.many import among_given
from shared.messaging.outbox import stored_event
from shared.propagation.tables import issued_decisions
from shared.settings import SERVICES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from typing import Unpack

    from sqlalchemy.orm import Session

    from shared.events import DecisionKind, RecordRef, RetainedPart
    from shared.messaging.applier import Delivery
    from shared.policy import Policy
    from shared.propagation.register import Register
    from shared.service import Tools

FIRST_RESEND = timedelta(seconds=30)
LONGEST_RESEND = timedelta(hours=1)
_NOTING = sa.update(issued_decisions).where(among_given(issued_decisions.c.decision, "decisions"))


class Said(TypedDict):
    """What a decision says: about whom and what, on what ground, and by whom it was taken."""

    decision_id: str
    refs: Sequence[str]
    ground: str
    decided_by: str
    records: NotRequired[Sequence[RecordRef]]
    retained: NotRequired[Sequence[RetainedPart]]
    reported_by: NotRequired[str | None]
    case: NotRequired[str | None]


def take(session: Session, tools: Tools, kind: DecisionKind, *, now: datetime, **said: Unpack[Said]) -> Decision:
    """Announce a decision with this transaction, and remember it until the ledger says it has it."""
    return take_all(session, tools, kind, [said], now=now)[0]


def take_all(
    session: Session,
    tools: Tools,
    kind: DecisionKind,
    several: Sequence[Said],
    *,
    now: datetime,
    decided_at: datetime | None = None,
) -> list[Decision]:
    """Announce decisions of one kind, in this order.

    Where they count from an earlier time, that is said in them and their terms run from it; their events are of now,
    because the key that signs them may be newer than that.
    """
    decided_at = decided_at or now
    taken = [
        Decision(
            decision=each["decision_id"],
            issuer=tools.name,
            refs=tuple(sorted(set(each["refs"]))),
            records=tuple(each.get("records", ())),
            retained=tuple(each.get("retained", ())),
            ground=each["ground"],
            decided_by=each["decided_by"],
            decided_at=decided_at,
            register=tools.register.digest,
            expected=expected_answers(
                kind,
                each.get("records", ()),
                tools.register,
                tools.policy,
                now=decided_at,
                reported_by=each.get("reported_by"),
            ),
            reported_by=each.get("reported_by"),
            case=each.get("case"),
        )
        for each in several
    ]
    if not taken:
        return []
    events = tools.outbox.publish_all(session, taken, now=now, kind=kind)
    rows = [
        {
            "decision": decision.decision,
            "event_id": stored.event_id,
            "type": stored.type,
            "body": stored.body,
            "signature": stored.signature,
            "key_id": stored.key_id,
            "issued_at": now,
            "sends": 1,
            "next_send_at": now + FIRST_RESEND,
        }
        for decision, stored in zip(taken, events, strict=True)
    ]
    insert_all(session, issued_decisions, rows)
    return taken


def expected_answers(
    kind: DecisionKind,
    records: Sequence[RecordRef],
    register: Register,
    policy: Policy,
    *,
    now: datetime,
    reported_by: str | None = None,
) -> tuple[Expected, ...]:
    """Return the exact list of answers a decision of this kind waits for.

    Every service answers for its own store, but the end of a term concerns only the services whose
    records ended. An inquiry goes to own stores only: asking a processor would be a disclosure.
    """
    services = [name for name in SERVICES if kind != "term-end" or any(r.service == name for r in records)]
    answers = [
        Expected(service=name, processor=None, action=kind, due_at=now + policy.own_store_due(kind))
        for name in services
    ]
    if kind != "inquiry":
        answers += [
            Expected(
                service=processor.owner,
                processor=processor.id,
                action="read" if processor.id == reported_by else kind,
                due_at=now + policy.processor_due(kind, processor),
            )
            for processor in register.for_kind(kind)
            if processor.owner in services
        ]
    return tuple(answers)


def on_registered(session: Session, _tools: Tools, deliveries: Sequence[Delivery]) -> None:
    """Stop saying decisions that the ledger has."""
    told = [each.event.decision for each in deliveries if isinstance(each.event, DecisionRegistered)]
    now = deliveries[0].now
    session.connection().execute(_NOTING, {"decisions": told, "registered_at": now, "next_send_at": None})


def on_closed(session: Session, _tools: Tools, deliveries: Sequence[Delivery]) -> None:
    """Note that nothing is expected any more: the claim check on the person's identifiers ends here."""
    told = [each.event.decision for each in deliveries if isinstance(each.event, DecisionClosed)]
    session.connection().execute(_NOTING, {"decisions": told, "closed_at": deliveries[0].now})


def say_again(tools: Tools, now: datetime) -> None:
    """Send every decision again that the ledger has not registered in time, ever less often."""
    with tools.database.transaction() as session:
        due = (
            session.execute(sa.select(issued_decisions).where(issued_decisions.c.next_send_at <= now)).mappings().all()
        )
        for row in due:
            tools.outbox.send(session, [stored_event(row)], now=now)
            session.execute(
                sa.update(issued_decisions)
                .where(issued_decisions.c.decision == row["decision"])
                .values(sends=row["sends"] + 1, next_send_at=now + FIRST_RESEND + pause(row["sends"], LONGEST_RESEND))
            )
