"""A network that fails: a TCP proxy of this machine that cuts, holds up and delays what goes through it."""

from __future__ import annotations

import select
import socket
import threading
import time
from typing import Self

CHUNK = 65536


class Proxy:
    """Stands before a server on ``port``; what it does to connections holds for those that are there and to come."""

    def __init__(self, server_port: int) -> None:
        self._server = ("127.0.0.1", server_port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._left: list[socket.socket] = []
        self._lock = threading.Lock()
        self._flowing = threading.Event()
        self._flowing.set()
        self._closing = threading.Event()
        self._refusing = False
        self.delay = 0.0
        """Seconds that everything takes longer, either way."""
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._flowing.set()
        self._listener.close()
        self.cut()
        for client in self._left:
            _close(client)

    def cut(self) -> None:
        """Reset every connection, at both ends."""
        for pair in self._taken():
            for end in pair:
                _close(end)

    def refuse(self) -> None:
        """Cut, and take no new connection until ``go_on``."""
        self._refusing = True
        self.cut()

    def stall(self) -> None:
        """Let nothing through, and say nothing of it, until ``go_on``."""
        self._flowing.clear()

    def half_open(self) -> None:
        """Have the server's end gone while the client's end stands, and hears nothing more."""
        for client, server in self._taken():
            self._left.append(client)
            _close(server)

    def go_on(self) -> None:
        """Be a network again."""
        self._refusing = False
        self._flowing.set()

    def _taken(self) -> list[tuple[socket.socket, socket.socket]]:
        with self._lock:
            pairs, self._pairs = self._pairs, []
        return pairs

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
                if self._refusing:
                    _close(client)
                    continue
                server = socket.create_connection(self._server)
            except OSError:
                continue
            with self._lock:
                self._pairs.append((client, server))
            threading.Thread(target=self._carry, args=(client, server), daemon=True).start()

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        other = {client: server, server: client}
        try:
            while True:
                for ready in select.select([client, server], [], [], 1)[0]:
                    self._flowing.wait()
                    content = ready.recv(CHUNK)
                    time.sleep(self.delay)
                    if not content:
                        return
                    other[ready].sendall(content)
        except (OSError, ValueError):  # an end was closed
            if self._is_known(client):
                self.cut()
        finally:
            if self._is_known(client):
                _close(client)
                _close(server)

    def _is_known(self, client: socket.socket) -> bool:
        """Tell whether a connection is still the network's own; what was taken out of it is left as it was put."""
        with self._lock:
            return any(client is each for each, _ in self._pairs)


def _close(end: socket.socket) -> None:
    try:
        # With nothing to linger for, the other end finds the connection reset.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        end.close()
    except OSError:
        return
