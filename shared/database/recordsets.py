"""Many rows for PostgreSQL in one statement: as one JSON value, of which the server makes rows.

Its driver sends each row of an ``executemany`` as a statement of its own, which costs more than the row does.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FEW = 3  # for so many it makes no difference


def as_value(table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> dict[str, str] | None:
    """Return rows as the value of ``rows_of``, or None where they have to go one by one.

    So go a few, and what JSON cannot say: columns of other kinds, JSON's own null, and values that the program
    and not the database adds. Bytes go as base64. Raises ValueError for a time without a zone.
    """
    names = rows[0].keys()
    if len(rows) <= FEW or not all(_is_plain(table.c[name].type) for name in names):
        return None
    if any(column.default is not None and column.name not in names for column in table.c):
        return None
    if not all(row.keys() == names and _is_sayable(table, row) for row in rows):
        return None
    return {"its_rows": msgspec.json.encode(rows).decode()}


def rows_of(table: sa.Table, names: Sequence[str]) -> sa.Select[Any]:
    """Return the question for these columns of the rows in such a value."""
    in_base64 = {name for name in names if isinstance(table.c[name].type, sa.LargeBinary)}
    columns = [sa.column(name, sa.Text() if name in in_base64 else table.c[name].type) for name in names]
    value = sa.cast(sa.bindparam("its_rows", type_=sa.Text), sa.JSON)
    its = sa.func.json_to_recordset(value).table_valued(*columns).render_derived(with_types=True)
    return sa.select(*(sa.func.decode(its.c[name], "base64") if name in in_base64 else its.c[name] for name in names))


def _is_plain(kind: sa.types.TypeEngine[Any]) -> bool:
    if isinstance(kind, sa.types.TypeDecorator):
        return isinstance(kind.impl_instance, sa.DateTime)
    return isinstance(kind, sa.String | sa.Integer | sa.Boolean | sa.JSON | sa.LargeBinary)


def _is_sayable(table: sa.Table, row: Mapping[str, Any]) -> bool:
    for name, value in row.items():
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError("a time without a zone")
        if value is None and isinstance(table.c[name].type, sa.JSON):
            return False
    return True
