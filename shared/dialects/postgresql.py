"""PostgreSQL."""

from __future__ import annotations

from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from shared.dialects.sharing import Sharing


class SharingPostgreSQL(Sharing, PGDialect_psycopg):
    """psycopg."""

    supports_statement_cache = True
