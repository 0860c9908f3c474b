"""Telling other processes that there is work, after commits and beside them.

What is said is the crier's name, by which a process knows its own word, and the kinds of work there are.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import logging
import os
import secrets
import socket
import threading
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from shared.bell import Work

PATIENCE = 2.0  # seconds
_log = logging.getLogger(__name__)


class Crier(Protocol):
    """Says to the processes of one database that there is work in it."""

    name: str

    def cry(self, work: Collection[Work]) -> None:
        """Have it said soon that there is work of these kinds."""

    def end(self) -> None:
        """Say what was asked for, and stop."""


class NearbyCrier:
    """Says it in a datagram on this machine, to the process that listens for a SQLite file; often there is none."""

    def __init__(self, file: Path) -> None:
        self.name = secrets.token_hex(8)
        self._address = address_of(file)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(0)

    def cry(self, work: Collection[Work]) -> None:
        """Say it, unless nobody listens or what they did not yet hear is enough to wake them."""
        with contextlib.suppress(OSError):
            self._socket.sendto(" ".join([self.name, *sorted(work)]).encode(), self._address)

    def end(self) -> None:
        """Say nothing more."""
        self._socket.close()


def address_of(file: Path) -> bytes:
    """Return where a SQLite file's process listens: a name in Linux' abstract namespace, which ends with the process.

    Whoever can run programs on this machine could take the name, and then a commit is found by the poll.
    """
    return b"\0discreet " + hashlib.sha256(os.fsencode(file.resolve())).hexdigest().encode()


class NotifyCrier:
    """Says NOTIFY on PostgreSQL, once for all that was committed since it last did; nobody waits for it.

    Not inside a transaction, where it takes a lock of the whole server at commit. A process that ends says it first;
    what is never said is found by the others' poll.
    """

    def __init__(self, channel: str, engine: Callable[[], Engine]) -> None:
        self.name = secrets.token_hex(8)
        self._channel = channel
        self._engine = engine
        self._work: set[Work] = set()
        self._adding = threading.Lock()
        self._asked = threading.Event()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="notify", daemon=True)
        self._thread.start()
        atexit.register(self.end)

    def cry(self, work: Collection[Work]) -> None:
        """Have it said soon that there is work of these kinds."""
        with self._adding:
            self._work.update(work)
        self._asked.set()

    def end(self) -> None:
        """Say what was asked for, and stop."""
        atexit.unregister(self.end)
        self._ending = True
        self._asked.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        ending = False
        while not ending:
            self._asked.wait()
            self._asked.clear()
            ending = self._ending  # before the work is taken: what was asked for until then is said
            with self._adding:
                work = sorted(self._work)
                self._work.clear()
            if work:
                self._say(work)

    def _say(self, work: Sequence[Work]) -> None:
        try:
            with self._engine().connect() as connection:
                said = f"NOTIFY {self._channel}, '{' '.join([self.name, *work])}'"
                cast("Any", connection.connection.driver_connection).execute(said)
        except Exception as error:  # noqa: BLE001 - the driver's own among them; what was committed stays so
            _log.warning("nobody could be woken", extra={"fields": {"because": type(error).__qualname__}})
