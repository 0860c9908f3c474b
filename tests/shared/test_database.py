"""One local transaction per step, on both databases: what is written stays, and what fails leaves nothing."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa

from shared.database import LONG_LOG, LOOKED_AT, Database, UtcDateTime, insert_once, is_away, lock_subject, wake_after
from shared.dialects import COMPILED
from tests.servers.kept import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

metadata = sa.MetaData()
notes = sa.Table(
    "notes",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("text", sa.String(50), unique=True),
    sa.Column("at", UtcDateTime),
)
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

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


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with one table, of either kind."""
    sqlite = request.param == "sqlite"
    made = Database(f"sqlite:///{tmp_path / 'notes.sqlite3'}" if sqlite else request.getfixturevalue("postgres_url")())
    metadata.create_all(made.engine())
    yield made
    made.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """The same on SQLite."""
    made = Database(f"sqlite:///{tmp_path / 'notes.sqlite3'}")
    metadata.create_all(made.engine())
    yield made
    made.close()


@pytest.fixture
def postgresql(postgres_url: Callable[[], str]) -> Iterator[Database]:
    """The same on PostgreSQL."""
    made = Database(postgres_url())
    metadata.create_all(made.engine())
    yield made
    made.close()


def write(database: Database, text: str) -> None:
    """Write one note."""
    with database.transaction() as session:
        session.execute(sa.insert(notes).values(text=text))


def fail(database: Database, text: str) -> None:
    """Write one note, ask to be woken, and fail before the end."""
    with database.transaction() as session:
        session.execute(sa.insert(notes).values(text=text))
        wake_after(session, "mail")
        raise ZeroDivisionError


def write_while_reading(database: Database) -> None:
    """Try to write where one may only read."""
    with database.reading() as session:
        session.execute(sa.insert(notes).values(text="sneaked in"))
        session.commit()


def texts(database: Database) -> list[str]:
    """What is written, in order."""
    with database.reading() as session:
        return list(session.scalars(sa.select(notes.c.text).order_by(notes.c.id)))


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


def test_a_reader_is_not_held_up_by_a_writer(database: Database) -> None:
    """Staff look something up while a long transaction is open."""
    write(database, "seen")
    with database.transaction() as session:
        session.execute(sa.insert(notes).values(text="not yet"))
        began = time.monotonic()
        assert texts(database) == ["seen"]
        assert time.monotonic() - began < 1


def test_the_bell_rings_after_a_commit_that_asked_for_it_and_not_otherwise(database: Database) -> None:
    """Whoever is woken must find the work: not before the commit, nor after a rollback."""
    heard = database.bell.wait(-1, 0)
    with database.transaction() as session:
        wake_after(session, "mail")
        assert database.bell.wait(heard, 0) == heard
    assert database.bell.wait(heard, 0) == heard + 1
    write(database, "quiet")
    with pytest.raises(ZeroDivisionError):
        fail(database, "lost")
    assert database.bell.wait(heard + 1, 0) == heard + 1


def test_a_database_of_another_process_is_not_used_with_our_connections(sqlite: Database) -> None:
    """An engine belongs to the process that made it: a fork opens its own."""
    script = (
        "import os, sys\n"
        "from shared.database import Database\n"
        "database = Database(sys.argv[1])\n"
        "mine = database.engine()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if database.engine() is not mine else 1)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(sqlite.url)], check=False).returncode == 0


def test_sqlite_keeps_what_was_committed_through_a_power_cut_and_forgets_what_was_deleted(sqlite: Database) -> None:
    """Write-ahead log with a flush at each commit; foreign keys; deleted content is overwritten."""
    with sqlite.engine().connect() as connection:
        pragmas = {
            name: connection.execute(sa.text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


def test_an_error_of_the_database_does_not_repeat_what_was_to_be_stored(database: Database) -> None:
    """A name in an error would end in a log (no personal data in logs)."""
    write(database, "Anna Jansen")
    with pytest.raises(sa.exc.IntegrityError) as caught:
        write(database, "Anna Jansen")
    assert "parameters hidden" in str(caught.value)
    assert "'Anna Jansen'," not in str(caught.value)


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


def test_a_notice_that_fails_after_the_commit_is_no_failure_of_the_transaction(
    postgresql: Database, postgres_url: Callable[[], str]
) -> None:
    """What is stored is stored; saying 500 to a form's sender would be untrue, and a poll each second is the net."""
    name = str(postgresql.url.database)
    heard = postgresql.bell.wait(-1, 0)
    with psycopg.connect(postgres_url(), autocommit=True) as elsewhere:
        with postgresql.transaction() as session:
            session.execute(sa.insert(notes).values(text="stored"))
            wake_after(session, "mail")
            session.commit()
            elsewhere.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            elsewhere.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        elsewhere.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert texts(postgresql) == ["stored"]
    assert postgresql.bell.wait(heard, 0) == heard + 1


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


def test_a_question_of_one_statement_sees_what_was_committed(database: Database) -> None:
    """It is asked without a transaction of its own."""
    with database.transaction() as session:
        session.execute(sa.insert(notes).values(text="there"))
    with database.asking() as session:
        assert session.scalars(sa.select(notes.c.text)).all() == ["there"]


def test_a_database_that_is_away_is_told_from_a_question_that_is_wrong(database: Database, tmp_path: Path) -> None:
    """The first may be asked again later; the second is a fault of ours."""
    wrong = ("SELECT * FROM nowhere", "SELEKT 1")
    for question in wrong:
        with pytest.raises(sa.exc.DBAPIError) as raised, database.reading() as session:
            session.execute(sa.text(question))
        assert not is_away(raised.value), question
    for url in (
        f"postgresql://nobody@127.0.0.1:{free_port()}/nothing",
        f"sqlite:///{tmp_path / 'no' / 'such' / 'place'}",
    ):
        with pytest.raises(sa.exc.DBAPIError) as raised, Database(url).reading() as session:
            session.execute(sa.text("SELECT 1"))
        assert is_away(raised.value), url
    assert not is_away(ValueError("no database at all"))


def test_a_full_disk_is_a_database_that_is_away(sqlite: Database) -> None:
    """What was written before stays, and what did not fit was not taken."""
    with sqlite.transaction() as session:
        session.execute(sa.text("CREATE TABLE full_of (it TEXT)"))
        pages = session.scalar(sa.text("PRAGMA page_count"))
        session.execute(sa.text(f"PRAGMA max_page_count = {pages + 1}"))  # of this connection, which is used again
    with pytest.raises(sa.exc.DBAPIError) as raised, sqlite.transaction() as session:
        session.execute(sa.text("INSERT INTO full_of VALUES (:it)"), {"it": "x" * 100_000})
    assert is_away(raised.value)
    with sqlite.reading() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM full_of")) == 0


def test_what_is_written_lightly_is_there_for_everybody(database: Database) -> None:
    """A count, say: nobody waits for the disk, and everybody sees it."""
    with database.light() as connection:
        connection.execute(sa.insert(notes).values(text="light"))
    assert texts(database) == ["light"]


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


def write_lightly(database: Database, text: str = "light") -> None:
    """Write one note that may be lost."""
    with database.light() as connection:
        connection.execute(sa.insert(notes).values(text=text))


def test_a_connection_that_ended_while_nobody_used_it_is_replaced(postgresql: Database, postgres_url) -> None:
    """The server was started anew in a quiet hour: the next visitor notices nothing."""
    write(postgresql, "before")
    assert texts(postgresql) == ["before"]
    write_lightly(postgresql)
    with psycopg.connect(postgres_url(), autocommit=True) as elsewhere:
        ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        elsewhere.execute(ending, [str(postgresql.url.database)])
    time.sleep(LOOKED_AT)  # what was used later than that is not asked
    write(postgresql, "after")
    write_lightly(postgresql, "light again")
    assert sorted(texts(postgresql)) == ["after", "before", "light", "light again"]


def test_a_command_that_writes_much_copies_its_log_less_often_and_as_durably(tmp_path: Path) -> None:
    """Asked twice, it is as once; who reads sees all of it at once, as ever."""
    made = Database(f"sqlite:///{tmp_path}/d.sqlite3")
    with made.transaction() as session:
        session.execute(sa.text("CREATE TABLE t (n INTEGER)"))
    for _ in range(2):
        made.expect_much()
    with made.transaction() as session:
        asked = ("wal_autocheckpoint", "journal_mode", "synchronous", "secure_delete")
        said = [session.execute(sa.text(f"PRAGMA {name}")).scalar_one() for name in asked]
        session.execute(sa.text("INSERT INTO t VALUES (1)"))
    with made.reading() as session:
        assert session.execute(sa.text("SELECT n FROM t")).scalars().all() == [1]
    assert said == [LONG_LOG, "wal", 2, 1]
    made.close()
