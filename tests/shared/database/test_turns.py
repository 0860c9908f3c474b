"""Who waits for whom: writers for each other, and whoever writes about the same person."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from shared.database import lock_subject
from tests.shared.database.notes import Lock, texts, write, write_lightly

if TYPE_CHECKING:
    from shared.database import Database

WRITER = """
import sys, threading
import sqlalchemy as sa
from shared.database import Database
database, name = Database(sys.argv[1]), sys.argv[2]
def write(thread):
    for number in range(25):
        with database.transaction() as session:
            text = f"{name}-{thread}-{number}"
            session.execute(sa.text("INSERT INTO notes (text) VALUES (:text)"), {"text": text})
threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""

FORKER = """
import os, signal, sys, threading
from shared.database import Database
database, writing, go_on = Database(sys.argv[1]), threading.Event(), threading.Event()
def write():
    with database.transaction():
        writing.set()
        go_on.wait()
writer = threading.Thread(target=write)
writer.start()
writing.wait()
child = os.fork()
if child == 0:
    signal.alarm(20)
    signal.pause()
go_on.set()
writer.join()
signal.alarm(5)
with database.transaction():
    os.kill(child, signal.SIGKILL)
"""


def test_eight_writers_in_two_processes_never_find_the_database_locked(sqlite: Database) -> None:
    """Two hundred forms at once, and a reader all the while: each writer waits its turn and none is refused."""
    command = [sys.executable, "-c", WRITER, str(sqlite.url)]
    writers = [subprocess.Popen([*command, name], stderr=subprocess.PIPE) for name in ("a", "b")]
    while any(writer.poll() is None for writer in writers):
        texts(sqlite)
    words = [writer.communicate()[1].decode() for writer in writers]
    assert words == ["", ""]
    assert len(texts(sqlite)) == 200


def test_writers_stand_in_line_before_they_begin(sqlite: Database) -> None:
    """The line is the kernel's file lock, which is fair; waiting inside SQLite is not, and the last would wait long."""
    with Path(f"{sqlite.file}.lock").open("ab") as line:
        fcntl.flock(line, fcntl.LOCK_EX)
        writer = threading.Thread(target=write, args=(sqlite, "patient"))
        writer.start()
        writer.join(0.2)
        assert writer.is_alive()
        assert texts(sqlite) == []
    writer.join()
    assert texts(sqlite) == ["patient"]


def test_a_process_that_was_forked_while_somebody_wrote_keeps_nobody_waiting(sqlite: Database) -> None:
    """The line's lock goes along into a child, and closing it here would leave it there."""
    assert subprocess.run([sys.executable, "-c", FORKER, str(sqlite.url)], check=False).returncode == 0


def test_on_sqlite_a_light_writer_takes_its_turn_like_any_other(sqlite: Database) -> None:
    """And a second one in the same thread is an error at once, where it would wait for itself."""
    with sqlite.transaction(), pytest.raises(RuntimeError), sqlite.light():
        pass
    elsewhere = Lock(sqlite, [])
    assert elsewhere.held.wait(5)
    light = threading.Thread(target=write_lightly, args=(sqlite,))
    light.start()
    assert texts(sqlite) == []
    elsewhere.release()
    light.join(5)
    assert texts(sqlite) == ["light"]


def test_a_second_writer_of_the_same_person_waits_and_another_person_passes(postgresql: Database) -> None:
    """An erasure sees the form that was being stored when it came; a stranger's form is not held up."""
    first = Lock(postgresql, ["k1.anna", "k1.annas-phone"])
    assert first.held.wait(5)
    stranger = Lock(postgresql, ["k1.bea"])
    assert stranger.held.wait(5)
    same = Lock(postgresql, ["k1.annas-phone"])
    assert not same.held.wait(0.3)
    first.release()
    assert same.held.wait(5)
    same.release()
    stranger.release()


def test_people_are_locked_in_one_order_whatever_order_they_are_named_in(postgresql: Database) -> None:
    """Two writers that name the same people the other way round do not deadlock."""
    refs = [f"k1.{number}" for number in range(20)]
    failed: list[Exception] = []

    def take(order: list[str]) -> None:
        try:
            for _ in range(15):
                with postgresql.transaction() as session:
                    lock_subject(session, order)
                    session.execute(sa.text("SELECT pg_sleep(0.002)"))
        except sa.exc.DBAPIError as error:
            failed.append(error)

    threads = [threading.Thread(target=take, args=(order,)) for order in (refs, refs[::-1], refs[5:] + refs[:5])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_on_sqlite_the_write_transaction_is_the_lock(sqlite: Database) -> None:
    """There is one writer at a time, so nothing else is needed."""
    first = Lock(sqlite, ["k1.anna"])
    assert first.held.wait(5)
    second = Lock(sqlite, ["k1.bea"])
    assert not second.held.wait(0.2)
    first.release()
    assert second.held.wait(5)
    second.release()
