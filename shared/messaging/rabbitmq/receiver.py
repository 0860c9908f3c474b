"""The receiver: stores deliveries in the inbox, a batch in one commit, and only then acknowledges them."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.failpoints import reach
from shared.messaging import inbox as inboxes
from shared.messaging.asyncapi import EXCHANGE
from shared.messaging.outbox import StoredEvent
from shared.messaging.rabbitmq.connection import OwnedConnection
from shared.messaging.rabbitmq.topology import queue_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pika.channel import Channel
    from pika.spec import Basic, BasicProperties

    from shared.clock import Clock
    from shared.database import Database

PREFETCH = 200
LOOK_EVERY = 60.0  # seconds
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Delivery:
    channel: Channel
    tag: int
    event: StoredEvent


class Receiver:
    """Receives for one service.

    A delivery tag belongs to its channel: what a lost channel brought is dropped, since the broker brings it again.
    ``look_every`` so many seconds it sees to its queue.
    """

    def __init__(
        self,
        database: Database,
        url: str,
        service: str,
        binding_keys: Sequence[str],
        clock: Clock,
        *,
        look_every: float = LOOK_EVERY,
    ) -> None:
        self._database = database
        self._service = service
        self._binding_keys = binding_keys
        self._clock = clock
        self._look_every = look_every
        self._connection = OwnedConnection(url, f"receiver {service}", self._opened, self._lost)
        self._changed = threading.Condition()
        self._channel: Channel | None = None
        self._heard = False
        self._deliveries: list[_Delivery] = []

    def start(self) -> None:
        """Begin to connect."""
        self._connection.start()

    def stop(self) -> None:
        """Let go of the connection; what was not acknowledged comes again."""
        self._connection.stop()

    def step(self, wait: float = 1.0) -> bool:
        """Store what has come, waiting up to ``wait`` seconds for it; return whether anything was stored."""
        with self._changed:
            self._changed.wait_for(lambda: self._deliveries, wait)
            batch = [each for each in self._deliveries if each.channel is self._channel]
        if not batch:
            return False
        reach("receiver.delivered")
        with self._database.transaction() as session:
            inboxes.store(session, [each.event for each in batch], now=self._clock())
        reach("receiver.unacknowledged")
        with self._changed:
            if self._channel is batch[0].channel:  # else they went with their channel, and others may have come
                del self._deliveries[: len(batch)]
        self._connection.call(lambda: _acknowledge(batch[-1]))
        return True

    def _opened(self, channel: Channel) -> None:
        with self._changed:
            self._channel = channel
            self._deliveries = []
        self._heard = False
        # The queue was deleted: a consumer of the next one is made with a new connection.
        channel.add_on_cancel_callback(lambda _frame: channel.close())
        channel.basic_qos(prefetch_count=PREFETCH)
        self._bind(channel)
        channel.basic_consume(queue_name(self._service), self._received)
        channel.connection.ioloop.call_later(self._look_every, lambda: self._look(channel))

    def _look(self, channel: Channel) -> None:
        """Bind our queue again, or take a new channel when this one brought nothing and we hold nothing of it.

        A queue that is deleted and made again at once can leave us with a consumer that the broker believes in, gives
        everything to, and never hears from: its channel had not yet noticed, and nobody is told (seen in RabbitMQ
        3.10). What still has to be stored keeps its channel, since every return to the queue counts against it.
        """
        replaced = channel is not self._channel
        if replaced or not channel.is_open:
            return
        if not self._heard and not self._deliveries:
            self._connection.renew()
            return
        self._heard = False
        self._bind(channel)
        channel.connection.ioloop.call_later(self._look_every, lambda: self._look(channel))

    def _bind(self, channel: Channel) -> None:
        """Bind our own queue: it changes nothing while the bindings are there, and mends them when not."""
        for key in self._binding_keys:
            channel.queue_bind(queue_name(self._service), EXCHANGE, key)

    def _received(self, channel: Channel, method: Basic.Deliver, properties: BasicProperties, body: bytes) -> None:
        headers: dict[str, Any] = properties.headers or {}
        event = StoredEvent(
            event_id=str(properties.message_id or ""),
            type=str(properties.type or ""),
            # What is not UTF-8 is no event of ours; it is kept, readable enough to be looked at.
            body=body.decode("utf-8", errors="backslashreplace"),
            signature=str(headers.get("signature", "")),
            key_id=str(headers.get("key_id", "")),
        )
        self._heard = True
        with self._changed:
            if channel is not self._channel:  # the last of a channel that is closing: it comes again
                return
            self._deliveries.append(_Delivery(channel, method.delivery_tag, event))
            self._changed.notify_all()

    def _lost(self) -> None:
        with self._changed:
            self._channel = None
            self._deliveries = []


def _acknowledge(last: _Delivery) -> None:
    if last.channel.is_open:
        last.channel.basic_ack(last.tag, multiple=True)
        reach("receiver.acknowledged")
