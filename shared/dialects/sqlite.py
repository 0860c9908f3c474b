"""SQLite."""

from __future__ import annotations

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from shared.dialects.sharing import Sharing


class SharingSQLite(Sharing, SQLiteDialect_pysqlite):
    """Python's own driver, or pysqlite3."""

    supports_statement_cache = True
