"""What stands in a statement: times, rows that are there already or many, and words that no error repeats."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from shared.database import Database, insert_once
from shared.dialects import COMPILED
from tests.shared.database.notes import NOON, notes, texts, write

if TYPE_CHECKING:
    from pathlib import Path


def test_a_time_without_a_zone_is_refused(database: Database) -> None:
    """Nobody knows what time it means."""
    naive = datetime(2026, 3, 1, 12)  # noqa: DTZ001 - that is the point
    with pytest.raises(sa.exc.StatementError, match="without a zone"), database.transaction() as session:
        session.execute(sa.insert(notes).values(text="when?", at=naive))


def test_times_come_back_aware_in_utc_and_sort_as_time(database: Database) -> None:
    """Whole seconds, fractions and other zones: text on SQLite is of one width, so that it sorts."""
    half_past = datetime(2026, 3, 1, 14, 30, tzinfo=timezone(timedelta(hours=2)))
    moments = [
        NOON,
        NOON + timedelta(microseconds=1),
        NOON + timedelta(seconds=1),
        half_past,
    ]
    with database.transaction() as session:
        rows = [{"text": str(number), "at": moment} for number, moment in enumerate(moments)]
        session.execute(sa.insert(notes), list(reversed(rows)))
    with database.reading() as session:
        found = session.execute(sa.select(notes.c.text, notes.c.at).order_by(notes.c.at)).all()
        later = session.scalar(sa.select(sa.func.count()).where(notes.c.at > NOON))
    assert [row.text for row in found] == ["0", "1", "2", "3"]
    assert [row.at for row in found] == moments
    assert {row.at.tzinfo for row in found} == {UTC}
    assert later == 3


def test_a_row_is_inserted_once_and_an_old_one_stays_as_it_is(database: Database) -> None:
    """The count is of those that were new; whichever key they clash on."""
    rows = [{"id": 1, "text": "one", "at": None}, {"id": 2, "text": "two", "at": None}]
    with database.transaction() as session:
        assert insert_once(session, notes, []) == 0
        assert insert_once(session, notes, rows) == 2
        assert insert_once(session, notes, rows) == 0
        assert insert_once(session, notes, [{"id": 1, "text": "other", "at": NOON}]) == 0
        rows = [{"id": 3, "text": "one", "at": None}, {"id": 4, "text": "new", "at": None}]
        assert insert_once(session, notes, rows) == 1
    assert texts(database) == ["one", "two", "new"]


def test_thousands_of_rows_are_inserted_in_one_call(database: Database) -> None:
    """More than either database takes as parameters of one statement."""
    rows = [{"id": number, "text": str(number), "at": NOON} for number in range(25_000)]
    with database.transaction() as session:
        assert insert_once(session, notes, rows) == len(rows)


def test_what_was_compiled_for_one_database_serves_another_and_every_use(database: Database, tmp_path: Path) -> None:
    """An installation has up to twenty-four engines in one process, which are asked much the same."""
    question = sa.select(notes.c.text).where(notes.c.id == 1, notes.c.text != str(tmp_path))
    with database.reading() as session:
        session.execute(question)
    compiled = len(COMPILED)
    with database.transaction() as session:
        session.execute(question)
    other = Database(database.url.render_as_string(hide_password=False))
    with other.asking() as session:
        session.execute(question)
    other.close()
    assert len(COMPILED) == compiled


def test_an_error_of_the_database_does_not_repeat_what_was_to_be_stored(database: Database) -> None:
    """A name in an error would end in a log (no personal data in logs)."""
    write(database, "Anna Jansen")
    with pytest.raises(sa.exc.IntegrityError) as caught:
        write(database, "Anna Jansen")
    assert "parameters hidden" in str(caught.value)
    assert "'Anna Jansen'," not in str(caught.value)
