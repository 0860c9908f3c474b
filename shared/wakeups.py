"""Waking a process when another one has committed; a poll each second is the net under it."""

from __future__ import annotations

import logging
import socket
import threading
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.crier import address_of
from shared.database.database import CHANNEL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from shared.database import Database

LONGEST_WORD = 200  # bytes
_log = logging.getLogger(__name__)


def watch(databases: Sequence[Database], stop: threading.Event) -> None:
    """Ring each database's bell for what any process says that has written to it, until ``stop`` is set."""
    threads = [threading.Thread(target=_listen, args=(each, stop), name="listen", daemon=True) for each in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _listen(database: Database, stop: threading.Event) -> None:
    said = ""
    while not stop.is_set():
        try:
            if database.file is not None:
                _hear_nearby(database, database.file, stop)
            else:
                _hear_notices(database, stop)
        except Exception as error:  # noqa: BLE001 - while it waits, errors are the driver's own; it listens again
            because = type(error).__qualname__
            if because != said:  # once, and not each second for as long as it lasts
                _log.warning("listening stopped", extra={"fields": {"because": because}})
            said = because
            stop.wait(1)


def _hear_nearby(database: Database, file: Path, stop: threading.Event) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as here:
        here.settimeout(1)
        here.bind(address_of(file))
        while not stop.is_set():
            try:
                said = here.recv(LONGEST_WORD)
            except TimeoutError:
                continue
            database.hear(said.decode(errors="replace"))


def _hear_notices(database: Database, stop: threading.Event) -> None:
    with database.engine("write").connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text(f"LISTEN {CHANNEL}"))
        driver = connection.connection.driver_connection
        while not stop.is_set() and driver is not None:
            for said in driver.notifies(timeout=1, stop_after=1):
                database.hear(said.payload)
