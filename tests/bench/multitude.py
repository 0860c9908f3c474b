"""Many rows out of one that is real, made by the database itself: a million in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
import sqlalchemy as sa
from pysqlite3 import dbapi2

from shared.database import Database
from shared.vault import DATA_KEY
from shared.vault.tables import data_keys

DIFFERENT = {"id", "ref", "confirm_digest", "unsubscribe_digest", "event_id", "decision"}
"""Columns in which no two rows are alike, as are those with a data key; their last 32 characters are made by chance."""
LAST = {"sqlite": "rowid", "postgresql": "ctid"}
CHANCE = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "md5(random()::text || n)"}
SERIES = {
    "sqlite": "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < {number}) SELECT n FROM s)",
    "postgresql": "generate_series(1, {number}) AS s(n)",
}


def multiply(database: Database, numbers: Mapping[sa.Table, int]) -> None:
    """Add so many rows to each table like the one that came last, and have the database know its new size."""
    statements = [_statement(database, table, number) for table, number in numbers.items() if number]
    if database.dialect == "postgresql":
        with psycopg.connect(database.url.render_as_string(hide_password=False), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)
            for table in numbers:
                connection.execute(f"VACUUM ANALYZE {table.name}")
        return
    connection = dbapi2.connect(database.file, isolation_level=None)
    for statement in ("PRAGMA synchronous=OFF", "PRAGMA cache_size=-1000000", *statements):
        connection.execute(statement)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


def _statement(database: Database, table: sa.Table, number: int) -> str:
    columns = [column for column in table.columns if column.autoincrement is not True]  # it numbers those itself
    names = ", ".join(column.name for column in columns)
    values = ", ".join(_value(column, CHANCE[database.dialect]) for column in columns)
    one = f"SELECT * FROM {table.name} ORDER BY {LAST[database.dialect]} DESC LIMIT 1"  # noqa: S608 - our own names
    series = SERIES[database.dialect].format(number=number)
    return f"INSERT INTO {table.name} ({names}) SELECT {values} FROM ({one}) AS one, {series}"  # noqa: S608


def _value(column: sa.Column[Any], chance: str) -> str:
    name = column.name
    if name in DIFFERENT or column.info == DATA_KEY or column is data_keys.c.key_id:
        return f"substr({name}, 1, length({name}) - 32) || {chance}"
    return name
