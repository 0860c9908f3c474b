"""A service's database: one local transaction per step, on SQLite or on PostgreSQL."""

from __future__ import annotations

from shared.database.columns import NAMING, Base, RowId, UtcDateTime
from shared.database.database import Database, is_away, wake_after
from shared.database.engines import sqlite_module
from shared.database.statements import (
    dialect_of,
    insert,
    insert_all,
    insert_into,
    insert_on,
    insert_once,
    is_sqlite,
    lock_subject,
)

__all__ = [
    "NAMING",
    "Base",
    "Database",
    "RowId",
    "UtcDateTime",
    "dialect_of",
    "insert",
    "insert_all",
    "insert_into",
    "insert_on",
    "insert_once",
    "is_away",
    "is_sqlite",
    "lock_subject",
    "sqlite_module",
    "wake_after",
]
