"""Waking another process: at once on both databases, and again after the database was away."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from shared.database import Database, wake_after
from shared.wakeups import watch

AT_ONCE = 10.0  # seconds; on an idle machine a twentieth of one


@contextmanager
def watching(database: Database) -> Iterator[Callable[[], None]]:
    """Watch a database as a worker does; gives what waits for the next ring."""
    stop = threading.Event()
    thread = threading.Thread(target=watch, args=([database], stop), daemon=True)
    thread.start()
    heard = 0

    def rings() -> None:
        nonlocal heard
        before, heard = heard, database.bell.wait(heard, AT_ONCE)
        assert heard != before, "nobody rang"

    try:
        yield rings
    finally:
        stop.set()
        thread.join(timeout=10)
        database.close()


def listeners(url: str) -> list[int]:
    """The server processes that listen."""
    with psycopg.connect(url) as connection:
        query = "SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN discreet' AND datname = current_database()"
        return [pid for (pid,) in connection.execute(query)]


def commit(database: Database) -> None:
    """Write something that others wait for, as another process does."""
    with database.transaction() as session:
        session.execute(sa.text("INSERT INTO work VALUES (1)"))
        wake_after(session)


def test_a_commit_wakes_another_process_on_sqlite(tmp_path: Path):
    """The version of the file is looked at twenty times a second."""
    url = f"sqlite:///{tmp_path / 'data.sqlite3'}"
    writer = Database(url)
    with writer.transaction() as session:
        session.execute(sa.text("CREATE TABLE work (id int)"))
    with watching(Database(url)) as rings:
        rings()  # the first look
        commit(writer)
        rings()
    writer.close()


@pytest.mark.xdist_group("servers")
def test_a_lost_connection_is_made_again_on_postgresql(postgres_url: Callable[[], str]):
    """A restarted server must not leave a worker deaf to everything but its poll."""
    url = postgres_url()
    writer = Database(url)
    with writer.transaction() as session:
        session.execute(sa.text("CREATE TABLE work (id int)"))
    with watching(Database(url)) as rings:
        first = _wait_for_listener(url, set())
        commit(writer)
        rings()
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", [first])
        _wait_for_listener(url, {first})
        commit(writer)
        rings()
    writer.close()


def _wait_for_listener(url: str, gone: set[int]) -> int:
    deadline = time.monotonic() + AT_ONCE
    while time.monotonic() < deadline:
        if found := set(listeners(url)) - gone:
            return found.pop()
        time.sleep(0.05)
    raise AssertionError("nobody listens")
