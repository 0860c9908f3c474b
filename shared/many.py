"""Statements about many rows at once, whose text is the same however many they are.

A list of values written out makes another statement for each length, which the program, its driver and the database
each have to read anew; these are prepared once.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from shared.database import dialect_of, insert_on
from shared.database.statements import KEPT

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy.engine import Dialect
    from sqlalchemy.orm import InstrumentedAttribute, Session
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.sql.dml import ReturningInsert


class _Values(sa.types.TypeDecorator[Any]):
    """Many values as one: an array on PostgreSQL, JSON on SQLite."""

    impl = sa.Text
    cache_ok = True

    def __init__(self, *, numbers: bool) -> None:
        super().__init__()
        self.numbers = numbers

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        """Use an array where there are arrays."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.Text())
        return dialect.type_descriptor(sa.ARRAY(sa.BigInteger() if self.numbers else sa.Text()))

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Give the values as this database takes them."""
        return json.dumps(value) if dialect.name == "sqlite" else value


class _Among(sa.sql.functions.FunctionElement[bool]):
    inherit_cache = True
    type = sa.Boolean()
    name = "among"

    def self_group(self, against: Any = None) -> Any:
        """Stand as it is in a condition: with SQLAlchemy's ``= 1`` for want of booleans, SQLite would use no index."""
        return self


@compiles(_Among, "postgresql")
def _among_array(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} = ANY ({values})"


@compiles(_Among, "sqlite")
def _among_json(element: _Among, compiler: SQLCompiler, **options: Any) -> str:
    column, values = (compiler.process(each, **options) for each in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - both come from the compiler


def among(
    column: sa.ColumnElement[Any] | InstrumentedAttribute[Any], values: Collection[str] | Collection[int]
) -> sa.ColumnElement[bool]:
    """Whether a column of text or of numbers has one of these values."""
    numbers = isinstance(column.type, sa.Integer)
    return _Among(column, sa.bindparam(None, list(values), type_=_Values(numbers=numbers), unique=True))


def among_given(column: sa.ColumnElement[Any] | InstrumentedAttribute[Any], name: str) -> sa.ColumnElement[bool]:
    """The same, for a statement that is built once: the values are a list, given by this name each time."""
    numbers = isinstance(column.type, sa.Integer)
    return _Among(column, sa.bindparam(name, type_=_Values(numbers=numbers)))


def update_each(session: Session, statement: sa.Update, rows: Sequence[Mapping[str, Any]]) -> int:
    """Run an UPDATE with the values of each row, sent together; return how many rows of the table that changed."""
    changed: sa.CursorResult[Any] = session.connection().execute(statement, list(rows))
    return changed.rowcount


def insert_new(session: Session, key: sa.Column[str], values: Collection[str], others: Mapping[str, Any]) -> set[str]:
    """Insert a row for each of these values of a key that has none yet, all with the same other values.

    Returns the values that were new. In one order for all, so that two who insert the same do not wait for each other.
    """
    if not values:
        return set()
    inserting = _inserting_new(dialect_of(session), key, tuple(others))
    return set(session.connection().scalars(inserting, {**others, "its_values": sorted(values)}))


@lru_cache(maxsize=KEPT)
def _inserting_new(dialect: str, key: sa.Column[str], others: tuple[str, ...]) -> ReturningInsert[str]:
    given = sa.bindparam("its_values", type_=_Values(numbers=False))
    if dialect == "sqlite":
        each = sa.func.json_each(given).table_valued("value")
    else:
        each = sa.func.unnest(given).table_valued("value").render_derived()
    same = [sa.bindparam(name, type_=key.table.c[name].type) for name in others]
    # SQLite would otherwise read ON CONFLICT as a join's ON.
    rows = sa.select(sa.cast(each.c.value, key.type), *same).where(sa.true())
    inserting = insert_on(dialect, key.table).from_select([key.name, *others], rows).on_conflict_do_nothing()
    return inserting.returning(key)
