"""Statements about many rows: the same text for any number, the same answer on either database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from shared.database import Database, UtcDateTime
from shared.many import among, insert_new, update_each

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

metadata = sa.MetaData()
things = sa.Table(
    "things", metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(20), index=True)
)

marks = sa.Table(
    "marks", metadata, sa.Column("name", sa.String(20), primary_key=True), sa.Column("at", UtcDateTime, nullable=False)
)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Three things, on either database."""
    on_sqlite = request.param == "sqlite"
    made = Database(f"sqlite:///{tmp_path}/d.sqlite3" if on_sqlite else request.getfixturevalue("postgres_url")())
    metadata.create_all(made.engine())
    with made.transaction() as session:
        session.execute(sa.insert(things), [{"id": 1, "name": "a"}, {"id": 2, "name": 'b"]'}, {"id": 3, "name": None}])
    yield made
    made.close()


@pytest.mark.parametrize(
    ("values", "found"), [([], []), (["a"], [1]), (['b"]', "x", "a"], [1, 2]), ({"a": 1}.keys(), [1])]
)
def test_it_finds_what_has_one_of_the_values(database: Database, values, found) -> None:
    """Text with signs of its own too, and nothing where nothing is asked for."""
    with database.reading() as session:
        query = sa.select(things.c.id).where(among(things.c.name, values)).order_by(things.c.id)
        assert list(session.scalars(query)) == found


def test_numbers_and_other_conditions_stand_beside_it(database: Database) -> None:
    """Each of the two has its own values."""
    either = sa.or_(among(things.c.id, [3]), among(things.c.name, ["a"]))
    with database.reading() as session:
        assert list(session.scalars(sa.select(things.c.id).where(either, things.c.id > 1))) == [3]


def test_the_text_is_the_same_however_many_there_are(database: Database) -> None:
    """So that it is prepared once."""
    texts = {
        str(sa.select(things).where(among(things.c.id, range(many))).compile(database.engine())) for many in (1, 9)
    }
    assert len(texts) == 1


def test_sqlite_looks_them_up_in_an_index(tmp_path: Path) -> None:
    """And does not read the table."""
    made = Database(f"sqlite:///{tmp_path}/d.sqlite3")
    metadata.create_all(made.engine())
    query = sa.select(things.c.id).where(among(things.c.name, ["a"])).compile(made.engine())
    with made.reading() as session:
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", ('["a"]',)).all()
    assert any("ix_things_name" in step.detail for step in plan)
    made.close()


def test_an_update_of_each_tells_how_many_there_were(database: Database) -> None:
    """Whoever expected all of them to be there knows when one was not."""
    rename = sa.update(things).where(things.c.id == sa.bindparam("its_id")).values(name=sa.bindparam("new"))
    with database.transaction() as session:
        assert update_each(session, rename, [{"its_id": 1, "new": "x"}, {"its_id": 9, "new": "y"}]) == 1
        assert session.scalar(sa.select(things.c.name).where(things.c.id == 1)) == "x"


def test_what_is_new_of_many_is_told_and_stands_there_with_the_rest_of_its_row(database: Database) -> None:
    """What was there stays as it was, and what is given twice is one."""
    day = datetime(2026, 1, 2, tzinfo=UTC)
    with database.transaction() as session:
        assert insert_new(session, marks.c.name, ["b", 'a"]', "b"], {"at": day}) == {"b", 'a"]'}
        assert insert_new(session, marks.c.name, {"b": 1, "c": 2}, {"at": day + timedelta(days=1)}) == {"c"}
        assert insert_new(session, marks.c.name, [], {"at": day}) == set()
    with database.reading() as session:
        days = dict(session.execute(sa.select(marks.c.name, marks.c.at)).all())
    assert days == {"b": day, 'a"]': day, "c": day + timedelta(days=1)}
