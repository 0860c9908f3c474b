"""One local transaction per step: what is written stays, and what fails leaves nothing."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from shared.database import Database
from tests.shared.database.notes import fail, metadata, notes, texts, write

if TYPE_CHECKING:
    from pathlib import Path


def test_what_a_block_wrote_stays_when_it_ends_and_nothing_of_it_when_it_raises(database: Database) -> None:
    """Both notes of a block, or neither."""
    write(database, "kept")
    with pytest.raises(ZeroDivisionError):
        fail(database, "lost")
    assert texts(database) == ["kept"]
    write(database, "and writing goes on")


def test_a_transaction_inside_a_transaction_is_an_error_at_once(database: Database) -> None:
    """It would wait for itself for ever; the outer one is not harmed by the refusal."""
    with database.transaction() as session:
        session.execute(sa.insert(notes).values(text="outer"))
        with pytest.raises(RuntimeError, match="already open"), database.transaction():
            pass
    assert texts(database) == ["outer"]
    write(database, "later")


def test_transactions_of_two_databases_may_lie_in_each_other(sqlite: Database, tmp_path: Path) -> None:
    """A key database is written to while the data database waits for it."""
    other = Database(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    metadata.create_all(other.engine())
    with sqlite.transaction() as session:
        write(other, "key")
        session.execute(sa.insert(notes).values(text="data"))
    assert texts(other) + texts(sqlite) == ["key", "data"]
    other.close()


def test_whoever_reads_cannot_write(database: Database) -> None:
    """The database itself refuses, not our good intentions."""
    with pytest.raises(sa.exc.DBAPIError):
        write_while_reading(database)
    assert texts(database) == []
    write(database, "the writers are not affected")


def write_while_reading(database: Database) -> None:
    """Try to write where one may only read."""
    with database.reading() as session:
        session.execute(sa.insert(notes).values(text="sneaked in"))
        session.commit()


def test_whoever_reads_sees_one_moment_however_often_they_look(database: Database) -> None:
    """A proof reads entries, then the head, then the links: a receipt in between would make it a false one."""
    write(database, "before")
    with database.reading() as session:
        query = sa.select(sa.func.count()).select_from(notes)
        first = session.scalar(query)
        writer = threading.Thread(target=write, args=(database, "meanwhile"))
        writer.start()
        writer.join()
        assert (first, session.scalar(query)) == (1, 1)
    assert texts(database) == ["before", "meanwhile"]


def test_a_reader_is_not_held_up_by_a_writer(database: Database) -> None:
    """Staff look something up while a long transaction is open."""
    write(database, "seen")
    with database.transaction() as session:
        session.execute(sa.insert(notes).values(text="not yet"))
        began = time.monotonic()
        assert texts(database) == ["seen"]
        assert time.monotonic() - began < 1


def test_what_is_written_lightly_is_there_for_everybody(database: Database) -> None:
    """A count, say: nobody waits for the disk, and everybody sees it."""
    with database.light() as connection:
        connection.execute(sa.insert(notes).values(text="light"))
    assert texts(database) == ["light"]


def test_a_question_of_one_statement_sees_what_was_committed(database: Database) -> None:
    """It is asked without a transaction of its own."""
    with database.transaction() as session:
        session.execute(sa.insert(notes).values(text="there"))
    with database.asking() as session:
        assert session.scalars(sa.select(notes.c.text)).all() == ["there"]
