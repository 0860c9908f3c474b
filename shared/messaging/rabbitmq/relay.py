"""The relay: carries a service's outbox to the broker, in windows, and marks only what the broker confirmed.

A crash between publishing and marking sends twice, which the inboxes' key makes harmless; a row that
is never confirmed is never marked.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pika
import sqlalchemy as sa

from shared.failpoints import reach
from shared.many import among
from shared.messaging.asyncapi import EXCHANGE
from shared.messaging.rabbitmq.connection import OwnedConnection
from shared.messaging.rabbitmq.topology import queue_name
from shared.messaging.tables import IS_WAITING, MOVED, outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pika.channel import Channel
    from pika.spec import Basic, BasicProperties
    from sqlalchemy.engine import RowMapping

    from shared.clock import Clock
    from shared.database import Database

WINDOW = 500
CONFIRM_WITHIN = 30.0
CHECK_QUEUES_EVERY = 60.0
NEVER = float("-inf")  # 0 is when the machine started, which may be just now
UNROUTABLE = timedelta(minutes=1)
CONTENT_TYPE = "application/cloudevents+json"
_log = logging.getLogger(__name__)


class Relay:
    """Publishes the outbox of one service. ``services`` are those whose queues must exist.

    Only one relay of a database may ``step`` at a time; see ``shared.leader``.
    """

    def __init__(self, database: Database, url: str, service: str, services: Sequence[str], clock: Clock) -> None:
        self._database = database
        self._services = services
        self._clock = clock
        self._user = pika.URLParameters(url).credentials.username
        self._connection = OwnedConnection(url, f"relay {service}", self._opened, self._lost)
        self._changed = threading.Condition()
        self._channel: Channel | None = None
        self._checked_at = NEVER
        self._sent = 0
        self._tags: dict[int, int] = {}
        self._confirmed: set[int] = set()
        self._refused: set[int] = set()
        self._unchecked: set[str] = set()

    def start(self) -> None:
        """Begin to connect."""
        self._connection.start()

    def stop(self) -> None:
        """Let go of the connection."""
        self._connection.stop()

    def step(self) -> bool:
        """Publish one window and mark what was confirmed; return whether there was anything."""
        if not self._is_ready():
            return False
        rows = self._waiting()
        if not rows:
            return False
        reach("relay.taken")
        self._publish(rows)
        self._mark()
        return True

    def _is_ready(self) -> bool:
        """Tell whether the channel is open and every queue of the roster is there, looked at once a minute."""
        with self._changed:
            if self._channel is None:
                return False
            if time.monotonic() - self._checked_at > CHECK_QUEUES_EVERY:
                self._checked_at = time.monotonic()
                self._unchecked = {queue_name(service) for service in self._services}
                self._connection.call(self._check_queues)
            return self._changed.wait_for(lambda: not self._unchecked or self._channel is None, CONFIRM_WITHIN) and (
                self._channel is not None
            )

    def _check_queues(self) -> None:
        """Ask for each queue without creating it; one that is missing closes the channel, and nothing is sent."""
        for name in sorted(self._unchecked):
            if self._channel is not None and self._channel.is_open:
                self._channel.queue_declare(name, passive=True, callback=self._queue_is_there(name))

    def _queue_is_there(self, name: str) -> Callable[[Any], None]:
        def found(_frame: Any) -> None:
            with self._changed:
                self._unchecked.discard(name)
                self._changed.notify_all()

        return found

    def _waiting(self) -> Sequence[RowMapping]:
        # What was never tried is due whatever the clock says: it may have been set back since.
        due = sa.or_(outbox.c.attempts == 0, outbox.c.next_attempt_at <= self._clock())
        with self._database.asking() as session:
            query = sa.select(outbox).where(IS_WAITING, due).order_by(outbox.c.id).limit(WINDOW)
            return session.execute(query).mappings().all()

    def _publish(self, rows: Sequence[RowMapping]) -> None:
        with self._changed:
            self._confirmed.clear()
            self._refused.clear()
            self._connection.call(lambda: self._send(rows))
            answered = self._changed.wait_for(
                lambda: self._channel is None or len(self._confirmed) + len(self._refused) >= len(rows), CONFIRM_WITHIN
            )
        if not answered:
            _log.warning("the broker does not confirm; a new connection is made")
            self._connection.drop()

    def _send(self, rows: Sequence[RowMapping]) -> None:
        """In the connection's thread: publish the window and remember which tag is which row."""
        channel = self._channel
        if channel is None or not channel.is_open:
            return
        for row in rows:
            self._sent += 1
            self._tags[self._sent] = row["id"]
            channel.basic_publish(
                EXCHANGE, row["routing_key"], row["body"].encode(), self._properties(row), mandatory=True
            )
            reach("relay.sending")

    def _properties(self, row: RowMapping) -> BasicProperties:
        return pika.BasicProperties(
            content_type=CONTENT_TYPE,
            content_encoding="utf-8",
            delivery_mode=2,
            message_id=row["event_id"],
            type=row["type"],
            user_id=self._user,
            correlation_id=str(row["id"]),
            headers={"signature": row["signature"], "key_id": row["key_id"]},
        )

    def _opened(self, channel: Channel) -> None:
        channel.confirm_delivery(self._on_confirm, callback=lambda _frame: self._ready(channel))
        channel.add_on_return_callback(self._on_return)

    def _ready(self, channel: Channel) -> None:
        with self._changed:
            self._sent = 0
            self._tags.clear()
            self._channel = channel
            self._checked_at = NEVER
            self._changed.notify_all()
        self._database.bell.ring("outbox")

    def _lost(self) -> None:
        with self._changed:
            self._channel = None
            self._unchecked.clear()
            self._changed.notify_all()

    def _on_confirm(self, frame: Any) -> None:
        reach("relay.confirming")
        method: Basic.Ack | Basic.Nack = frame.method
        tags = [tag for tag in self._tags if tag <= method.delivery_tag] if method.multiple else [method.delivery_tag]
        with self._changed:
            for tag in tags:
                row_id = self._tags.pop(tag, None)
                if row_id is None or row_id in self._refused:
                    continue
                (self._confirmed if method.NAME == "Basic.Ack" else self._refused).add(row_id)
            self._changed.notify_all()

    def _on_return(self, _channel: Channel, method: Any, properties: BasicProperties, _body: bytes) -> None:
        """No queue took it: the broker says so before it confirms, so that it is not taken for delivered."""
        _log.error("an event went to no queue", extra={"fields": {"routing_key": method.routing_key}})
        with self._changed:
            self._refused.add(int(properties.correlation_id or 0))

    def _mark(self) -> None:
        now = self._clock()
        with self._changed:
            confirmed, refused = sorted(self._confirmed), sorted(self._refused)
        reach("relay.unmarked")
        with self._database.transaction() as session:
            if confirmed:
                session.execute(
                    sa.update(outbox)
                    .where(among(outbox.c.id, confirmed))
                    .values(state=MOVED, moved_at=now, problem=None)
                )
            for row_id in refused:
                session.execute(
                    sa.update(outbox)
                    .where(outbox.c.id == row_id)
                    .values(
                        attempts=outbox.c.attempts + 1,
                        next_attempt_at=now + UNROUTABLE,
                        problem="refused by the broker, or no queue took it",
                    )
                )
