"""The applier: runs handlers on the inbox, a batch in one transaction, and one by one where that fails.

Signatures are checked before the transaction begins: that takes longest, and needs no database.
"""

from __future__ import annotations

import base64
import logging
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from itertools import groupby
from typing import TYPE_CHECKING, Protocol, TypeAlias

import sqlalchemy as sa

from shared import log
from shared.backoff import pause
from shared.database import UtcDateTime, is_sqlite
from shared.errors import DiscreetError
from shared.events import OWN, kind_of
from shared.failpoints import reach
from shared.many import among_given
from shared.messaging import envelope as envelopes
from shared.messaging.envelope import Envelope, UnknownEventError, UnreadableEventError
from shared.messaging.outbox import StoredEvent, stored_event
from shared.messaging.tables import APPLIED, IS_WAITING, PARKED, WAITING, inbox
from shared.vault import Sealed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy.engine import RowMapping
    from sqlalchemy.orm import Session

    from shared.clock import Clock
    from shared.database import Database
    from shared.events import Event
    from shared.service import Handler, Tools

    Handlers: TypeAlias = Mapping[str, Sequence[Callable[[Session, Sequence["Delivery"]], None]]]

BATCH = 200
ATTEMPTS = 8
LONGEST_PAUSE = timedelta(minutes=10)
SEALED_AT_ONCE = 1_000_000
"""Octets of what is sealed beside events, for one transaction: PostgreSQL keeps a lock for each person in them, and has
no more than some twenty thousand for everybody on it."""
LOCK_WAIT = "500ms"  # before PostgreSQL looks for a deadlock, after a second, and perhaps ends a visitor's form for it
_log = logging.getLogger(__name__)
# Put together once: an embedded worker asks these of four services for every ring.
# What was never tried is due whatever the clock says: it may have been set back since.
_DUE = sa.or_(inbox.c.attempts == 0, inbox.c.next_attempt_at <= sa.bindparam("now", type_=UtcDateTime()))
_WAITING = sa.select(inbox).where(IS_WAITING, _DUE).order_by(inbox.c.id).limit(BATCH)
_WAITING_AND_OURS = _WAITING.where(inbox.c.sealed_key.is_(None))
_STILL_WAITING = (
    sa.select(inbox.c.id)
    .where(among_given(inbox.c.id, "ids"), inbox.c.state == WAITING)
    .order_by(inbox.c.id)
    .with_for_update(skip_locked=True)
)
_MARKING = sa.update(inbox).where(among_given(inbox.c.id, "ids"))
_SHORT_WAIT = sa.text(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'")


class ForgedEventError(DiscreetError):
    """The signature does not hold, or its holder may not announce this."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that reached a service: its exact bytes, what they say, and when it is being applied (UTC).

    ``sealed`` is what the service itself put beside an event of its own (``inbox.keep``).
    """

    stored: StoredEvent
    envelope: Envelope
    event: Event
    now: datetime
    sealed: Sealed | None = None

    @property
    def kind(self) -> str | None:
        """The kind of decision, or None for a fact or a receipt."""
        return kind_of(self.envelope.type)

    @contextmanager
    def traced(self) -> Iterator[None]:
        """Have what is logged and announced meanwhile belong to the trace that brought this."""
        token = log.traceparent.set(self.envelope.traceparent)
        try:
            yield
        finally:
            log.traceparent.reset(token)


def one_by_one(handle: Callable[[Session, Tools, Delivery], None]) -> Handler:
    """Make a handler of what deals with one delivery: it takes them in their order, each in its own trace."""

    @wraps(handle)
    def handler(session: Session, tools: Tools, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            with delivery.traced():
                handle(session, tools, delivery)

    return handler


class Verifier(Protocol):
    """Checks who signed an event and whether they may announce it."""

    def check(self, envelope: Envelope, event: Event | None, stored: StoredEvent, signature: bytes) -> None:
        """Raise ForgedEventError unless the signature and its holder are right."""


class Applier:
    """Applies the waiting rows of one service's inbox.

    ``handlers`` maps an event type to what reacts to it, each of them called with as many events of that type as
    came one after another; ``unknown`` answers a decision of a type this release does not know, before its row is
    parked. While ``restoring``, what somebody outside said waits: it may be about whom a decision has erased since.
    """

    def __init__(
        self,
        database: Database,
        handlers: Handlers,
        verifier: Verifier,
        clock: Clock,
        unknown: Callable[[Session, Envelope, StoredEvent, datetime], None],
        *,
        restoring: Callable[[], bool],
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._verifier = verifier
        self._clock = clock
        self._unknown = unknown
        self._restoring = restoring

    def apply(self) -> int:
        """Apply one batch; return how many rows were dealt with."""
        try:
            return self._apply_batch()
        except Exception as error:  # noqa: BLE001 - whatever it is, the rows are tried apart
            _log.info("a batch is redone one by one", extra={"fields": {"because": type(error).__qualname__}})
            return self._apply_one_by_one()

    def _apply_batch(self) -> int:
        with self._database.asking() as session:
            rows = self._waiting(session)
        deliveries = {row["id"]: self._open(row) for row in rows}
        waiting: Sequence[int] = list(deliveries)
        done = 0
        while waiting:
            waiting, now_done = self._apply_some(waiting, deliveries)
            done += now_done
        return done

    def _apply_some(self, waiting: Sequence[int], deliveries: Mapping[int, Delivery]) -> tuple[Sequence[int], int]:
        """Apply as many as one transaction may take; return which are left, and how many there were."""
        done: list[int] = []
        with self._database.transaction() as session:
            if not is_sqlite(session):
                session.execute(_SHORT_WAIT)
            if ours := _still_waiting(session, waiting):
                reach("applier.taken")
            together = _light_enough(ours, deliveries)
            for some in self._database.slices(together, "apply", lambda row_id: deliveries[row_id].envelope.type):
                self._handle(session, [deliveries[row_id] for row_id in some])
                done += some
            self._mark_applied(session, done)
            if done:
                reach("applier.marked")
        return ours[len(done) :], len(done)

    def _handle(self, session: Session, deliveries: Sequence[Delivery]) -> None:
        for event_type, alike in groupby(deliveries, key=lambda delivery: delivery.envelope.type):
            together = list(alike)
            for handler in self._handlers.get(event_type, ()):
                handler(session, together)
            reach("applier.handled")

    def _apply_one_by_one(self) -> int:
        with self._database.reading() as session:
            rows = self._waiting(session)
        for row in rows:
            self._apply_alone(row)
        return len(rows)

    def _apply_alone(self, row: RowMapping) -> None:
        try:
            delivery = self._open(row)
            with self._database.transaction() as session:
                if _still_waiting(session, [row["id"]]):
                    self._handle(session, [delivery])
                    self._mark_applied(session, [row["id"]])
        except UnknownEventError as error:
            self._answer_unknown(row, error)
        except Exception as error:  # noqa: BLE001 - a handler's failure is this row's, never the loop's
            self._set_aside(row, error)

    def _open(self, row: RowMapping) -> Delivery:
        stored = stored_event(row)
        envelope = envelopes.read(stored.body)
        sealed = Sealed(row["sealed_key"], row["sealed"]) if row["sealed_key"] else None
        try:
            event = envelopes.read_event(envelope)
        except UnknownEventError:
            self._verifier.check(envelope, None, stored, _signature(stored))
            raise
        # What is sealed opens for this event only, and with a key of this service: that says more than a signature.
        if sealed is None or envelope.type not in OWN:
            self._verifier.check(envelope, event, stored, _signature(stored))
        return Delivery(stored, envelope, event, self._clock(), sealed)

    def _answer_unknown(self, row: RowMapping, error: UnknownEventError) -> None:
        with self._database.transaction() as session:
            if not _still_waiting(session, [row["id"]]):
                return
            envelope = envelopes.read(row["body"])
            if kind_of(envelope.type) is not None and envelope.decisionid:
                self._unknown(session, envelope, stored_event(row), self._clock())
            self._mark(session, [row["id"]], state=PARKED, problem=type(error).__qualname__)

    def _set_aside(self, row: RowMapping, error: Exception) -> None:
        reach("applier.failed")
        now = self._clock()
        hopeless = isinstance(error, (UnreadableEventError, ForgedEventError))
        attempts = row["attempts"] + 1
        state = PARKED if hopeless or attempts >= ATTEMPTS else WAITING
        with self._database.transaction() as session:
            if not _still_waiting(session, [row["id"]]):  # another process has applied it meanwhile
                return
            self._mark(
                session,
                [row["id"]],
                state=state,
                attempts=attempts,
                next_attempt_at=now + pause(attempts, LONGEST_PAUSE),
                problem=type(error).__qualname__,
            )
        _log.warning(
            "an event could not be applied",
            exc_info=error,
            extra={"fields": {"row": row["id"], "type": row["type"], "state": state, "attempts": attempts}},
        )

    def _waiting(self, session: Session) -> Sequence[RowMapping]:
        now = {"now": self._clock()}
        rows = session.connection().execute(_WAITING, now).mappings().all()
        if any(row["sealed_key"] for row in rows) and self._restoring():
            return session.connection().execute(_WAITING_AND_OURS, now).mappings().all()
        return rows

    def _mark_applied(self, session: Session, identifiers: Sequence[int]) -> None:
        now = self._clock()
        self._mark(session, identifiers, state=APPLIED, applied_at=now, problem=None, sealed=None, sealed_key=None)

    def _mark(self, session: Session, identifiers: Sequence[int], **values: object) -> None:
        if identifiers:
            session.connection().execute(_MARKING, {"ids": identifiers, **values})


def _still_waiting(session: Session, identifiers: Sequence[int]) -> Sequence[int]:
    """Lock these rows and return those that nobody else has, or has had, in order."""
    return session.connection().scalars(_STILL_WAITING, {"ids": identifiers}).all()


def _light_enough(identifiers: Sequence[int], deliveries: Mapping[int, Delivery]) -> Sequence[int]:
    """Return the first of these rows, as many as may be applied together, at least one."""
    sealed = 0
    for number, row_id in enumerate(identifiers):
        if (its := deliveries[row_id].sealed) is not None:
            sealed += len(its.ciphertext)
            if number and sealed > SEALED_AT_ONCE:
                return identifiers[:number]
    return identifiers


def _signature(stored: StoredEvent) -> bytes:
    try:
        return base64.b64decode(stored.signature, validate=True)
    except ValueError as error:
        raise ForgedEventError("the signature is not base64") from error
