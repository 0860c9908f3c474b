"""SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from shared.dialects.sharing import Sharing

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection


class SharingSQLite(Sharing, SQLiteDialect_pysqlite):
    """Python's own driver, or pysqlite3, which begins nothing by itself; ``begins`` is how an engine of ours does."""

    supports_statement_cache = True
    begins = "BEGIN"

    def do_begin(self, dbapi_connection: DBAPIConnection) -> None:
        """Begin a transaction."""
        dbapi_connection.cursor().execute(self.begins)
