"""The outbox: an event is announced by the transaction that made it true, and carried away later."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import msgspec
import sqlalchemy as sa

from shared import log
from shared.database import insert_all, is_sqlite, wake_after
from shared.events import routing_key, type_of
from shared.failpoints import reach
from shared.messaging import envelope as envelopes
from shared.messaging.tables import WAITING, incarnations, outbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import RowMapping
    from sqlalchemy.orm import Session

    from shared.events import DecisionKind, Event


class Signer(Protocol):
    """A service's signing key."""

    @property
    def key_id(self) -> str:
        """The id under which the roster holds the public half."""

    def sign(self, data: bytes) -> bytes:
        """Return the Ed25519 signature over ``data``."""


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as it is stored and sent: never re-encoded, since signature and digest are over these bytes."""

    event_id: str
    type: str
    body: str
    signature: str
    key_id: str

    @property
    def digest(self) -> str:
        """The SHA-256 of the exact bytes, in hex."""
        return envelopes.digest(self.body)


class Outbox:
    """Writes a service's events; ``service`` is the source of every one of them."""

    def __init__(self, service: str, signer: Signer) -> None:
        self._service = service
        self._signer = signer

    def publish(
        self, session: Session, event: Event, *, now: datetime, kind: DecisionKind | None = None
    ) -> StoredEvent:
        """Announce ``event`` when this transaction commits; a decision is announced under its ``kind``."""
        return self.publish_all(session, [event], now=now, kind=kind)[0]

    def publish_all(
        self,
        session: Session,
        events: Sequence[Event],
        *,
        now: datetime,
        kind: DecisionKind | None = None,
        traces: Sequence[str | None] | None = None,
    ) -> list[StoredEvent]:
        """Announce these in this order when this transaction commits, each in its own trace or all in this one's."""
        traces = traces or [log.traceparent.get()] * len(events)
        numbers = _next_sequences(session, len(events))
        each = zip(events, numbers, traces, strict=True)
        stored = [self._sign(event, kind, number, trace, now) for event, number, trace in each]
        self.send(session, stored, now=now)
        return stored

    def send(self, session: Session, events: Sequence[StoredEvent], *, now: datetime) -> None:
        """Put the exact bytes of events in the outbox: of new ones, or of some that are said again."""
        rows = [
            {
                "event_id": stored.event_id,
                "type": stored.type,
                "body": stored.body,
                "signature": stored.signature,
                "key_id": stored.key_id,
                "routing_key": routing_key(stored.type, self._service),
                "state": WAITING,
                "attempts": 0,
                "next_attempt_at": now,
                "created_at": now,
            }
            for stored in events
        ]
        if rows:
            insert_all(session, outbox, rows)
            reach("outbox.written")
            wake_after(session, "outbox")

    def for_oneself(self, event: Event, *, now: datetime) -> StoredEvent:
        """Return an event that leaves no outbox, and so has no signature: what a service puts into its own inbox.

        What is sealed beside it there shows that it is the service's own (``inbox.keep``).
        """
        return self._written(event, None, None, log.traceparent.get(), now)

    def _sign(
        self, event: Event, kind: DecisionKind | None, sequence: str, trace: str | None, now: datetime
    ) -> StoredEvent:
        written = self._written(event, kind, sequence, trace, now)
        signature = base64.b64encode(self._signer.sign(written.body.encode())).decode()
        return StoredEvent(written.event_id, written.type, written.body, signature, self._signer.key_id)

    def _written(
        self, event: Event, kind: DecisionKind | None, sequence: str | None, trace: str | None, now: datetime
    ) -> StoredEvent:
        event_type, event_id = type_of(event, kind), str(uuid.uuid4())
        body = envelopes.write(
            envelopes.Envelope(
                id=event_id,
                source=f"/services/{self._service}",
                type=event_type,
                time=now,
                data=msgspec.Raw(msgspec.json.encode(event)),
                decisionid=getattr(event, "decision", None),
                sequence=sequence,
                traceparent=trace,
            )
        )
        return StoredEvent(event_id, event_type, body, signature="", key_id="")


def stored_event(row: RowMapping) -> StoredEvent:
    """Return the event that a row of the outbox, the inbox or the ledger holds."""
    return StoredEvent(row["event_id"], row["type"], row["body"], row["signature"], row["key_id"])


def incarnation(session: Session) -> str:
    """Return which life of the database this is: one that is put back from a backup begins another."""
    life: str = session.scalars(_LIFE).one()
    return life


_LIFE = sa.select(incarnations.c.id).order_by(incarnations.c.number.desc()).limit(1)

_LAST = sa.select(_LIFE.scalar_subquery(), sa.text("(SELECT seq FROM sqlite_sequence WHERE name = 'outbox')"))
# The numbers of the outbox's own rows: a sequence apart is no part of a table, and migrations would miss it.
_NUMBER = sa.func.nextval(sa.func.pg_get_serial_sequence(outbox.name, outbox.c.id.name))
_NUMBERED = sa.select(_LIFE.scalar_subquery(), _NUMBER).select_from(
    sa.func.generate_series(1, sa.bindparam("many", type_=sa.Integer))
)


def _next_sequences(session: Session, many: int) -> list[str]:
    """Number events within the database's incarnation; a rolled-back one leaves a gap, which is harmless."""
    connection = session.connection()
    if is_sqlite(session):
        known, written = connection.execute(_LAST).one()
        return [f"{known}.{(written or 0) + number}" for number in range(1, many + 1)]
    return [f"{known}.{given}" for known, given in connection.execute(_NUMBERED, {"many": many})]
