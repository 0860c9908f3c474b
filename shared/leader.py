"""One leader per database, for work that only one process may do at a time."""

from __future__ import annotations

import fcntl
import logging
from pathlib import Path
from typing import IO, TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from shared.database import Database

# The server's own, since it is the server that must find out; its default is two hours.
KEEP_ALIVE = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
_log = logging.getLogger(__name__)


class Leadership:
    """Held from the first ``hold`` that succeeds until the process ends or the connection is lost.

    On PostgreSQL an advisory lock of a connection of its own, which the server frees half a minute after the
    machine is gone; on SQLite a file lock beside the database, which the kernel frees.
    """

    def __init__(self, database: Database, purpose: str) -> None:
        self._database = database
        self._purpose = purpose
        self._file: IO[bytes] | None = None
        self._connection: sa.Connection | None = None

    def hold(self) -> bool:
        """Tell whether this process is the leader, becoming it if nobody is."""
        return self._hold_file() if self._database.file is not None else self._hold_connection()

    def release(self) -> None:
        """Let another process lead."""
        if self._file is not None:
            self._file.close()
            self._file = None
        self._let_go()

    def _hold_file(self) -> bool:
        if self._file is not None:
            return True
        file = Path(f"{self._database.file}.{self._purpose}").open("ab")  # noqa: SIM115 - held as long as we lead
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        self._file = file
        return True

    def _hold_connection(self) -> bool:
        if self._connection is not None:
            try:
                self._connection.execute(sa.text("SELECT 1"))
            except sa.exc.DBAPIError:
                _log.warning("leadership was lost", extra={"fields": {"of": self._purpose}})
                self._let_go()
            else:
                return True
        connection = self._database.engine("write").connect().execution_options(isolation_level="AUTOCOMMIT")
        # Locks are the database's, and services may share one, each in a schema of its own.
        place = sa.func.concat(f"discreet {self._purpose} ", sa.func.current_schema())
        if connection.execute(sa.select(sa.func.pg_try_advisory_lock(sa.func.hashtext(place)))).scalar():
            for name, seconds in KEEP_ALIVE.items():
                connection.execute(sa.text(f"SET {name} = {seconds}"))
            self._connection = connection
            return True
        connection.close()
        return False

    def _let_go(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
