"""Waking a process when another one has committed; a poll each second is the net under it."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.database import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.database import Database

HERTZ = 100
_log = logging.getLogger(__name__)


def watch(databases: Sequence[Database], stop: threading.Event) -> None:
    """Ring each database's bell when any process has written to it, until ``stop`` is set."""
    servers = [database for database in databases if database.dialect == "postgresql"]
    threads = [threading.Thread(target=_listen, args=(each, stop), name="listen", daemon=True) for each in servers]
    for thread in threads:
        thread.start()
    if files := [database for database in databases if database.dialect == "sqlite"]:
        _poll(files, stop)
    for thread in threads:
        thread.join()


def _poll(databases: Sequence[Database], stop: threading.Event) -> None:
    """Compare ``PRAGMA data_version``, which changes when another connection commits and costs microseconds."""
    connections = [database.engine("read").raw_connection() for database in databases]
    cursors = [connection.cursor() for connection in connections]
    seen: list[object] = [None] * len(cursors)
    while not stop.wait(1 / HERTZ):
        for number, cursor in enumerate(cursors):
            version = cursor.execute("PRAGMA data_version").fetchone()
            if version != seen[number]:
                seen[number] = version
                databases[number].bell.ring()


def _listen(database: Database, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            with database.engine("write").connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(sa.text(f"LISTEN {CHANNEL}"))
                driver = connection.connection.driver_connection
                while not stop.is_set() and driver is not None:
                    for said in driver.notifies(timeout=1, stop_after=1):
                        database.hear(said.payload)
        except Exception as error:  # noqa: BLE001 - while it waits, errors are the driver's own; it listens again
            _log.warning("listening stopped", extra={"fields": {"because": type(error).__qualname__}})
            stop.wait(1)
