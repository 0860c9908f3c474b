"""One connection with one channel in one thread of its own; everybody else hands it work.

pika's connections belong to the thread that runs their loop. ``SelectConnection`` is what pika's own
thread-safe connection wraps, and it is there in every release from 1.2 to 1.5.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pika
from pika.adapters.select_connection import SelectConnection

from shared.backoff import pause

if TYPE_CHECKING:
    from collections.abc import Callable

    from pika.channel import Channel

HEARTBEAT = 30
BLOCKED_TIMEOUT = 60  # seconds a memory or disk alarm of the broker may hold us before we let go
HEALTHY_AFTER = 60.0
LONGEST_PAUSE = timedelta(seconds=3)  # all that waits, waits for the broker: when it is back it is soon found
_log = logging.getLogger(__name__)


class OwnedConnection:
    """Connects, opens a channel, and connects again when either is lost, with a full-jitter pause in between.

    ``on_open`` is called with each new channel and ``on_lost`` when it is gone, both in the connection's thread.
    """

    def __init__(self, url: str, name: str, on_open: Callable[[Channel], None], on_lost: Callable[[], None]) -> None:
        self._url = url
        self._name = name
        self._on_open = on_open
        self._on_lost = on_lost
        self._stopping = threading.Event()
        self._connection: SelectConnection | None = None
        self._channel: Channel | None = None
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name=f"amqp {name}", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self) -> None:
        """Close the connection and wait for its thread."""
        self._stopping.set()
        self.call(self._close)
        self._thread.join(timeout=10)

    def call(self, work: Callable[[], None]) -> None:
        """Have the connection's thread do something; without a connection it is not done."""
        connection = self._connection
        if connection is not None:
            connection.ioloop.add_callback_threadsafe(lambda: self._do(work))

    def drop(self) -> None:
        """Let go of a connection that no longer answers, and make a new one."""
        self.call(self._close)

    def renew(self) -> None:
        """Take a new channel over the same connection and close the old one; in the connection's own thread."""
        if self._connection is not None and self._connection.is_open:
            self._connection.channel(on_open_callback=self._channel_open)

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001 - whatever it is, the connection goes on
            _log.exception("a fault in a connection's own thread; a new connection is made")
            self._close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._connect_and_loop()
            except Exception as error:  # noqa: BLE001 - without this thread nothing would ever move again
                self._warn(error)
            self._connection = self._channel = None
            self._on_lost()
            self._failures = 1 if time.monotonic() - began > HEALTHY_AFTER else self._failures + 1
            self._stopping.wait(max(0.05, pause(self._failures, LONGEST_PAUSE).total_seconds()))

    def _connect_and_loop(self) -> None:
        parameters = pika.URLParameters(self._url)
        if "heartbeat=" not in self._url:
            parameters.heartbeat = HEARTBEAT
        parameters.blocked_connection_timeout = BLOCKED_TIMEOUT
        parameters.connection_attempts = 1
        parameters.socket_timeout = 5
        parameters.stack_timeout = 10
        parameters.client_properties = {"connection_name": self._name}
        self._connection = SelectConnection(
            parameters,
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._channel_open),
            on_open_error_callback=self._open_failed,
            on_close_callback=lambda connection, _reason: connection.ioloop.stop(),
        )
        if self._stopping.is_set():  # said before there was a connection to hear it
            self._close()
        try:
            self._connection.ioloop.start()
        finally:
            self._connection.ioloop.close()

    def _open_failed(self, connection: SelectConnection, error: Exception) -> None:
        if not self._stopping.is_set():
            self._warn(error)
        connection.ioloop.stop()

    def _warn(self, error: Exception) -> None:
        """Say it, less and less often: a try is one connection, and an hour has more than two thousand."""
        if self._failures & (self._failures - 1):
            return
        fields = {"for": self._name, "because": type(error).__qualname__}
        _log.warning("the broker is away", extra={"fields": fields})

    def _channel_open(self, channel: Channel) -> None:
        old, self._channel = self._channel, channel
        # A channel the broker closed (404, 403, 406) takes its connection with it: one way to recover.
        channel.add_on_close_callback(self._channel_closed)
        self._on_open(channel)
        if old is not None and old.is_open:
            old.close()

    def _channel_closed(self, channel: Channel, reason: Exception) -> None:
        if channel is not self._channel:  # another one has taken its place
            return
        if not self._stopping.is_set():
            # The broker's own words: which queue is missing, or what this account may not publish.
            said = getattr(reason, "reply_text", type(reason).__qualname__)
            _log.warning("the channel closed", extra={"fields": {"for": self._name, "because": said}})
        self._close()

    def _close(self) -> None:
        connection = self._connection
        if connection is None or connection.is_closing or connection.is_closed:
            return
        connection.close()  # one that is still being made is given up, and ends as a failed attempt does
