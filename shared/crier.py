"""Telling other processes that there is work, after commits and beside them."""

from __future__ import annotations

import atexit
import logging
import secrets
import threading
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sqlalchemy.engine import Engine

    from shared.bell import Work

PATIENCE = 2.0  # seconds
_log = logging.getLogger(__name__)


class Crier:
    """Says NOTIFY on PostgreSQL, once for all that was committed since it last did; nobody waits for it.

    The payload is ``name``, by which a process knows its own, and the kinds of work there are.

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
        while not self._ending:
            self._asked.wait()
            self._asked.clear()
            with self._adding:
                work = sorted(self._work)
                self._work.clear()
            if not work:
                continue
            try:
                with self._engine().connect() as connection:
                    said = f"NOTIFY {self._channel}, '{' '.join([self.name, *work])}'"
                    cast("Any", connection.connection.driver_connection).execute(said)
            except Exception as error:  # noqa: BLE001 - the driver's own among them; what was committed stays so
                _log.warning("nobody could be woken", extra={"fields": {"because": type(error).__qualname__}})
