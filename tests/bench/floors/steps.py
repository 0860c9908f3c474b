"""Publish, consume and three commits, as directly as they can be written: the floor of a form's way to its effect."""

from __future__ import annotations

from typing import Any

import pika
import sqlalchemy as sa

from tests.bench.floors.plain import keep


class Steps:
    """The first half: one commit, one confirmed message. The other half is the consumer, with two commits."""

    def __init__(self, amqp_url: str, queue: str, engine: sa.Engine) -> None:
        self._queue = queue
        self._engine = engine
        self._connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
        self._channel: Any = self._connection.channel()
        self._channel.confirm_delivery()

    def go(self, event_id: str, body: str) -> None:
        """Store it, and tell the consumer."""
        keep(self._engine, event_id, body)
        properties = pika.BasicProperties(delivery_mode=2, message_id=event_id)
        self._channel.basic_publish("", self._queue, body.encode(), properties, mandatory=True)

    def close(self) -> None:
        """Let go of the broker."""
        self._connection.close()
