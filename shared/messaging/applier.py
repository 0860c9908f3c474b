"""The applier: runs handlers on the inbox, a batch in one transaction, and one by one where that fails."""

from __future__ import annotations

import base64
import logging
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeAlias

import sqlalchemy as sa

from shared import log
from shared.backoff import pause
from shared.database import is_sqlite
from shared.errors import DiscreetError
from shared.events import kind_of
from shared.failpoints import reach
from shared.messaging import envelope as envelopes
from shared.messaging.envelope import Envelope, UnknownEventError, UnreadableEventError
from shared.messaging.outbox import StoredEvent, stored_event
from shared.messaging.tables import APPLIED, PARKED, WAITING, inbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy.engine import RowMapping
    from sqlalchemy.orm import Session

    from shared.clock import Clock
    from shared.database import Database
    from shared.events import Event

    Handlers: TypeAlias = Mapping[str, Sequence[Callable[[Session, "Delivery"], None]]]

BATCH = 200
ATTEMPTS = 8
LONGEST_PAUSE = timedelta(minutes=10)
SQLITE_SECONDS = 0.02  # a longer write transaction would hold up the forms
LOCK_WAIT = "500ms"  # before PostgreSQL looks for a deadlock, after a second, and perhaps ends a visitor's form for it
_log = logging.getLogger(__name__)


class ForgedEventError(DiscreetError):
    """The signature does not hold, or its holder may not announce this."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event that reached a service: its exact bytes, what they say, and when it is being applied (UTC)."""

    stored: StoredEvent
    envelope: Envelope
    event: Event
    now: datetime

    @property
    def kind(self) -> str | None:
        """The kind of decision, or None for a fact or a receipt."""
        return kind_of(self.envelope.type)


class Verifier(Protocol):
    """Checks who signed an event and whether they may announce it."""

    def check(self, envelope: Envelope, event: Event | None, stored: StoredEvent, signature: bytes) -> None:
        """Raise ForgedEventError unless the signature and its holder are right."""


class Applier:
    """Applies the waiting rows of one service's inbox.

    ``handlers`` maps an event type to what reacts to it; ``unknown`` answers a decision of a type this
    release does not know, before its row is parked.
    """

    def __init__(
        self,
        database: Database,
        handlers: Handlers,
        verifier: Verifier,
        clock: Clock,
        unknown: Callable[[Session, Envelope, StoredEvent, datetime], None],
    ) -> None:
        self._database = database
        self._handlers = handlers
        self._verifier = verifier
        self._clock = clock
        self._unknown = unknown

    def apply(self) -> int:
        """Apply one batch; return how many rows were dealt with."""
        try:
            return self._apply_batch(BATCH)
        except Exception as error:  # noqa: BLE001 - whatever it is, the rows are tried apart
            _log.info("a batch is redone one by one", extra={"fields": {"because": type(error).__qualname__}})
            return self._apply_one_by_one()

    def _apply_batch(self, limit: int) -> int:
        with self._database.transaction() as session:
            if not is_sqlite(session):
                session.execute(sa.text(f"SET LOCAL lock_timeout = '{LOCK_WAIT}'"))
            started = time.monotonic()
            done: list[int] = []
            rows = self._waiting(session, limit)
            if rows:
                reach("applier.taken")
            for row in rows:
                self._apply_row(session, row)
                done.append(row["id"])
                if is_sqlite(session) and time.monotonic() - started > SQLITE_SECONDS:
                    break
            self._mark(session, done, state=APPLIED, applied_at=self._clock(), problem=None)
            if done:
                reach("applier.marked")
        return len(done)

    def _apply_one_by_one(self) -> int:
        with self._database.reading() as session:
            identifiers = [row["id"] for row in self._waiting(session, BATCH, lock=False)]
        for row_id in identifiers:
            self._apply_alone(row_id)
        return len(identifiers)

    def _apply_alone(self, row_id: int) -> None:
        try:
            with self._database.transaction() as session:
                row = _still_waiting(session, row_id)
                if row is not None:
                    self._apply_row(session, row)
                    self._mark(session, [row_id], state=APPLIED, applied_at=self._clock(), problem=None)
        except UnknownEventError as error:
            self._answer_unknown(row_id, error)
        except Exception as error:  # noqa: BLE001 - a handler's failure is this row's, never the loop's
            self._set_aside(row_id, error)

    def _apply_row(self, session: Session, row: RowMapping) -> None:
        stored = stored_event(row)
        envelope, event = self._open(stored)
        delivery = Delivery(stored, envelope, event, self._clock())
        token = log.traceparent.set(envelope.traceparent)
        try:
            for handler in self._handlers.get(envelope.type, ()):
                handler(session, delivery)
        finally:
            log.traceparent.reset(token)
        reach("applier.handled")

    def _open(self, stored: StoredEvent) -> tuple[Envelope, Event]:
        envelope = envelopes.read(stored.body)
        try:
            event = envelopes.read_event(envelope)
        except UnknownEventError:
            self._verifier.check(envelope, None, stored, _signature(stored))
            raise
        self._verifier.check(envelope, event, stored, _signature(stored))
        return envelope, event

    def _answer_unknown(self, row_id: int, error: UnknownEventError) -> None:
        with self._database.transaction() as session:
            row = _still_waiting(session, row_id)
            if row is None:
                return
            envelope = envelopes.read(row["body"])
            if kind_of(envelope.type) is not None and envelope.decisionid:
                self._unknown(session, envelope, stored_event(row), self._clock())
            self._mark(session, [row_id], state=PARKED, problem=type(error).__qualname__)

    def _set_aside(self, row_id: int, error: Exception) -> None:
        reach("applier.failed")
        now = self._clock()
        hopeless = isinstance(error, (UnreadableEventError, ForgedEventError))
        with self._database.transaction() as session:
            row = _still_waiting(session, row_id)
            if row is None:  # another process has applied it meanwhile
                return
            attempts = row["attempts"] + 1
            state = PARKED if hopeless or attempts >= ATTEMPTS else WAITING
            self._mark(
                session,
                [row_id],
                state=state,
                attempts=attempts,
                next_attempt_at=now + pause(attempts, LONGEST_PAUSE),
                problem=type(error).__qualname__,
            )
        _log.warning(
            "an event could not be applied",
            exc_info=error,
            extra={"fields": {"row": row_id, "type": row["type"], "state": state, "attempts": attempts}},
        )

    def _waiting(self, session: Session, limit: int, *, lock: bool = True) -> Sequence[RowMapping]:
        # What was never tried is due whatever the clock says: it may have been set back since.
        due = sa.or_(inbox.c.attempts == 0, inbox.c.next_attempt_at <= self._clock())
        query = sa.select(inbox).where(inbox.c.state == WAITING, due).order_by(inbox.c.id).limit(limit)
        return session.execute(query.with_for_update(skip_locked=True) if lock else query).mappings().all()

    def _mark(self, session: Session, identifiers: Sequence[int], **values: object) -> None:
        if identifiers:
            session.execute(sa.update(inbox).where(inbox.c.id.in_(identifiers)).values(**values))


def _still_waiting(session: Session, row_id: int) -> RowMapping | None:
    query = sa.select(inbox).where(inbox.c.id == row_id, inbox.c.state == WAITING).with_for_update()
    return session.execute(query).mappings().one_or_none()


def _signature(stored: StoredEvent) -> bytes:
    try:
        return base64.b64decode(stored.signature, validate=True)
    except ValueError as error:
        raise ForgedEventError("the signature is not base64") from error
