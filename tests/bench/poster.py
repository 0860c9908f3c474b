"""A client that keeps a few connections busy with requests made beforehand: it should cost next to nothing itself."""

from __future__ import annotations

import re
import selectors
import socket
from collections.abc import Iterator, Sequence

LENGTH = re.compile(rb"^content-length: *(\d+)\r$", re.IGNORECASE | re.MULTILINE)
PATIENCE = 60.0


class _Connection:
    """One connection, with at most one request under way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._got = b""

    def answer(self) -> bytes | None:
        """Read what is there; return the status line once an answer is complete."""
        some = self.socket.recv(65536)
        if not some:
            raise RuntimeError("the server hung up")
        self._got += some
        head, end, body = self._got.partition(b"\r\n\r\n")
        length = LENGTH.search(head + b"\r\n")
        if not end or len(body) < (int(length[1]) if length else 0):
            return None
        self._got = b""
        return head.partition(b"\r\n")[0]


def post_all(port: int, requests: Sequence[bytes], status: int = 202, connections: int = 8) -> None:
    """Send all requests, the next on each connection when its last was answered. Raises unless all have this status."""
    waiting = iter(requests)
    with selectors.DefaultSelector() as selector:
        for _ in range(connections):
            _send_next(selector, _Connection(port), waiting)
        while selector.get_map():
            ready = selector.select(PATIENCE)
            if not ready:
                raise RuntimeError("the server does not answer")
            for key, _ in ready:
                answer = key.data.answer()
                if answer is None:
                    continue
                if f" {status} ".encode() not in answer:
                    raise RuntimeError(f"answered {answer.decode()}")
                selector.unregister(key.fileobj)
                _send_next(selector, key.data, waiting)


def _send_next(selector: selectors.BaseSelector, connection: _Connection, waiting: Iterator[bytes]) -> None:
    request = next(waiting, None)
    if request is None:
        connection.socket.close()
        return
    connection.socket.sendall(request)
    selector.register(connection.socket, selectors.EVENT_READ, connection)
