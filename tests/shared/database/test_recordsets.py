"""Many rows in one value: what is stored is what would have been stored row by row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from shared.database import Database, RowId, UtcDateTime, insert_all, insert_once, recordsets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NOON = datetime(2026, 11, 30, 12, 0, 0, 123456, UTC)
metadata = sa.MetaData()
things = sa.Table(
    "things",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("name", sa.String(20), unique=True),
    sa.Column("at", UtcDateTime),
    sa.Column("open", sa.Boolean),
    sa.Column("said", sa.JSON),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("kind", sa.String(5), server_default="plain"),
    sa.Column("order", sa.Integer),
)
others = sa.Table(
    "others",
    metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("at", sa.DateTime(timezone=True)),
    sa.Column("number", sa.Integer, default=7),
)


@pytest.fixture
def database(postgres_url: Callable[[], str]) -> Iterator[Database]:
    """One with these tables."""
    made = Database(postgres_url())
    metadata.create_all(made.engine())
    yield made
    made.close()


def thing(name: str, **more: Any) -> dict[str, Any]:
    """A row with something of each kind."""
    said = {"a": [1, None, "é"]}
    return {"name": name, "at": NOON, "open": True, "said": said, "sealed": bytes(range(256)), "order": 1, **more}


ODD = [
    thing('"quotes" \\ and\nlines'),
    thing("’é€𝄞", at=NOON.astimezone(timezone(timedelta(hours=2)))),
    thing("nothing", at=None, open=None, sealed=None, order=None),
    thing("", said=[], sealed=b""),
    thing("big", order=2**31 - 1, open=False, said="text"),
]


def stored(database: Database, table: sa.Table) -> list[tuple[Any, ...]]:
    """Everything in a table, in the order in which it got its numbers."""
    with database.reading() as session:
        return [tuple(row) for row in session.execute(sa.select(*list(table.c)[1:]).order_by(table.c.id))]


def test_many_together_are_stored_as_one_by_one(database: Database) -> None:
    """Odd text, zones, nothing, nested JSON, what the database adds itself, and the order they came in."""
    assert recordsets.as_value(things, ODD)
    with database.transaction() as session:
        insert_all(session, things, ODD)
    together = stored(database, things)
    with database.transaction() as session:
        session.execute(sa.delete(things))
        for row in ODD:
            insert_all(session, things, [row])
    assert together == stored(database, things)


def test_those_that_are_there_are_left_and_the_new_ones_counted(database: Database) -> None:
    """Also when one comes twice in the same value."""
    with database.transaction() as session:
        insert_all(session, things, [thing("known", order=1)])
        assert insert_once(session, things, [thing(each, order=2) for each in ("known", "a", "b", "a", "c")]) == 3
    assert [(row[0], row[-1]) for row in stored(database, things)] == [("known", 1), ("a", 2), ("b", 2), ("c", 2)]


def test_what_json_cannot_say_goes_row_by_row(database: Database) -> None:
    """JSON's own null, a kind it does not know, and what the program adds."""
    assert recordsets.as_value(others, [{"number": 1, "at": NOON}] * 5) is None
    assert recordsets.as_value(others, [{"id": number} for number in range(5)]) is None
    assert recordsets.as_value(things, [*ODD, thing("null", said=None)]) is None
    with database.transaction() as session:
        insert_all(session, others, [{"at": NOON}] * 5)
    assert stored(database, others) == [(NOON, 7)] * 5


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    """As everywhere: nobody knows what time it means."""
    rows = [*ODD, thing("naive", at=NOON.replace(tzinfo=None))]
    with pytest.raises(ValueError, match="without a zone"), database.transaction() as session:
        insert_all(session, things, rows)
    assert stored(database, things) == []
