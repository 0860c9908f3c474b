"""The plain publisher: pika's asynchronous connection with a sliding window of unconfirmed messages."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Self

import pika
from pika.adapters.select_connection import SelectConnection

WINDOW = 500  # as our own relay


class Message(NamedTuple):
    """A message that is ready to go."""

    exchange: str
    routing_key: str
    body: bytes
    properties: pika.BasicProperties


class Publisher:
    """Publishes many messages as fast as the broker confirms them; a context manager."""

    def __init__(self, url: str) -> None:
        self._messages: Iterator[Message] = iter(())
        self._left = 0
        self._sent = 0
        self._unconfirmed: dict[int, None] = {}
        self._done = threading.Event()
        self._channel: Any = None
        self._connection = SelectConnection(pika.URLParameters(url), on_open_callback=self._connected)
        self._thread = threading.Thread(target=self._connection.ioloop.start, name="publisher", daemon=True)

    def __enter__(self) -> Self:
        """Connect."""
        self._thread.start()
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        loop = self._connection.ioloop
        self._connection.add_on_close_callback(lambda *_: loop.stop())
        loop.add_callback_threadsafe(self._connection.close)
        self._thread.join(timeout=10)

    def publish(self, messages: Sequence[Message]) -> None:
        """Publish all and return when the last is confirmed."""
        self._done.clear()
        self._messages, self._left = iter(messages), len(messages)
        self._connection.ioloop.add_callback_threadsafe(self._fill)
        self._wait()

    def _wait(self) -> None:
        if not self._done.wait(120):
            raise RuntimeError("the broker does not confirm")

    def _connected(self, connection: SelectConnection) -> None:
        connection.channel(on_open_callback=self._opened)

    def _opened(self, channel: Any) -> None:
        self._channel = channel
        channel.confirm_delivery(self._confirmed, callback=lambda _frame: self._done.set())

    def _fill(self) -> None:
        while len(self._unconfirmed) < WINDOW and (message := next(self._messages, None)) is not None:
            self._sent += 1
            self._unconfirmed[self._sent] = None
            self._channel.basic_publish(*message, mandatory=True)

    def _confirmed(self, frame: Any) -> None:
        if frame.method.NAME != "Basic.Ack":
            raise RuntimeError("the broker refused a message")
        last, before = frame.method.delivery_tag, len(self._unconfirmed)
        if frame.method.multiple:
            for tag in [each for each in self._unconfirmed if each <= last]:
                del self._unconfirmed[tag]
        else:
            del self._unconfirmed[last]
        self._left -= before - len(self._unconfirmed)
        if self._left == 0:
            self._done.set()
        else:
            self._fill()
