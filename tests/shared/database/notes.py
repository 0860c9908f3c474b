"""One table of notes, and those who write and read in it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import sqlalchemy as sa

from shared.database import Database, UtcDateTime, lock_subject, wake_after

metadata = sa.MetaData()
notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("text", sa.String(50), unique=True),
    sa.Column("at", UtcDateTime),
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def write(database: Database, text: str) -> None:
    """Write one note."""
    with database.transaction() as session:
        session.execute(sa.insert(notes).values(text=text))


def write_lightly(database: Database, text: str = "light") -> None:
    """Write one note that may be lost."""
    with database.light() as connection:
        connection.execute(sa.insert(notes).values(text=text))


def fail(database: Database, text: str) -> None:
    """Write one note, ask to be woken, and fail before the end."""
    with database.transaction() as session:
        session.execute(sa.insert(notes).values(text=text))
        wake_after(session, "mail")
        raise ZeroDivisionError


def texts(database: Database) -> list[str]:
    """What is written, in order."""
    with database.reading() as session:
        return list(session.scalars(sa.select(notes.c.text).order_by(notes.c.id)))


class Lock:
    """Somebody who holds these people in another thread until let go."""

    def __init__(self, database: Database, refs: list[str]) -> None:
        self.held, self._let_go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._hold, args=(database, refs))
        self._thread.start()

    def _hold(self, database: Database, refs: list[str]) -> None:
        with database.transaction() as session:
            lock_subject(session, refs)
            self.held.set()
            self._let_go.wait(10)

    def release(self) -> None:
        self._let_go.set()
        self._thread.join()
