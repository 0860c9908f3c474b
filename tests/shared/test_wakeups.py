"""Waking another process: it hears of a commit long before its poll, and still does after the database was away."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from shared.crier import NotifyCrier
from shared.database import Database, wake_after
from shared.wakeups import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

WRITER = """
import sys
import sqlalchemy as sa
from shared.database import Database, wake_after
with Database(sys.argv[1]).transaction() as session:
    session.execute(sa.text("INSERT INTO notes VALUES (1)"))
    wake_after(session, "mail")
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with one table."""
    sqlite = request.param == "sqlite"
    made = Database(f"sqlite:///{tmp_path / 'notes.sqlite3'}" if sqlite else request.getfixturevalue("postgres_url")())
    with made.transaction() as session:
        session.execute(sa.text("CREATE TABLE notes (id INTEGER)"))
    yield made
    made.close()


@pytest.fixture
def watched(database: Database) -> Iterator[Database]:
    """The same, watched by a thread that listens already."""
    stop = threading.Event()
    thread = threading.Thread(target=watch, args=([database], stop))
    thread.start()
    _until_heard(database, lambda: _write(database.url))
    yield database
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
    database.close()


def _write(url: sa.URL) -> None:
    """Commit as somebody else does: over connections of their own."""
    other = Database(url.render_as_string(hide_password=False))
    with other.transaction() as session:
        session.execute(sa.text("INSERT INTO notes VALUES (1)"))
        wake_after(session, "mail")
    other.close()


def _until_heard(database: Database, write: Callable[[], None]) -> None:
    """Write until the bell rings: whoever watches may not be ready yet."""
    heard, deadline = database.bell.wait(-1, 0), time.monotonic() + 15
    while database.bell.wait(heard, 0.3) == heard:
        assert time.monotonic() < deadline, "nobody heard it"
        write()


def _quiet(database: Database) -> int:
    """Wait until the bell is silent."""
    heard = database.bell.wait(-1, 0)
    while (again := database.bell.wait(heard, 0.3)) != heard:
        heard = again
    return heard


def test_a_commit_of_another_process_rings_our_bell(watched: Database) -> None:
    """A form that the web process stored is carried on at once: NOTIFY on PostgreSQL, a datagram on SQLite."""
    heard = _quiet(watched)
    url = watched.url.render_as_string(hide_password=False)
    subprocess.run([sys.executable, "-c", WRITER, url], check=True)
    assert watched.bell.wait(heard, 0.5) > heard


def test_our_own_commit_rings_once_and_for_its_kind_of_work(watched: Database) -> None:
    """A process hears its own word too, of what it knows already."""
    heard, other = _quiet(watched), watched.bell.wait(-1, 0, "outbox")
    with watched.transaction() as session:
        wake_after(session, "mail")
    assert watched.bell.wait(heard, 0) == heard + 1
    assert watched.bell.wait(heard + 1, 0.5) == heard + 1
    _write(watched.url)
    assert watched.bell.wait(heard + 1, 1) == heard + 2
    assert watched.bell.wait(other, 0, "outbox") == other


def test_no_commit_no_ring(watched: Database) -> None:
    """Reading wakes nobody."""
    heard = _quiet(watched)
    with watched.reading() as session:
        session.execute(sa.text("SELECT * FROM notes")).all()
    assert watched.bell.wait(heard, 0.3) == heard


def test_listening_goes_on_after_the_database_was_away(postgres_url: Callable[[], str]) -> None:
    """PostgreSQL was restarted: whoever listened listens again, and hears of the next commit by itself."""
    database = Database(postgres_url())
    with database.transaction() as session:
        session.execute(sa.text("CREATE TABLE notes (id INTEGER)"))
    stop = threading.Event()
    thread = threading.Thread(target=watch, args=([database], stop))
    thread.start()
    _until_heard(database, lambda: _write(database.url))
    with database.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        listening = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
        assert connection.execute(sa.text(listening)).scalar() is True
    _quiet(database)
    _until_heard(database, lambda: _write(database.url))
    stop.set()
    thread.join(5)
    database.close()


def test_a_process_that_ends_says_first_what_it_was_asked_while_it_was_speaking() -> None:
    """The server is slow with one word, another is asked for, and the process ends."""
    said, speaking, slow = [], threading.Event(), threading.Event()

    def execute(word: str) -> None:
        said.append(word)
        speaking.set()
        slow.wait(5)

    connection = SimpleNamespace(connection=SimpleNamespace(driver_connection=SimpleNamespace(execute=execute)))
    crier = NotifyCrier("discreet", lambda: SimpleNamespace(connect=lambda: nullcontext(connection)))
    crier.cry(["mail"])
    assert speaking.wait(5)
    crier.cry(["outbox"])
    threading.Timer(0.2, slow.set).start()
    crier.end()
    assert ["outbox" in each for each in said] == [False, True]
