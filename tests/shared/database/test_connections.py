"""Connections: whose they are, how durable what they write is, and what is told when the database is away."""

from __future__ import annotations

import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa

from shared.database import Database, is_away
from shared.database.engines import LONG_LOG, LOOKED_AT
from tests.servers.kept import free_port
from tests.shared.database.notes import texts, write, write_lightly

if TYPE_CHECKING:
    from pathlib import Path


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


def test_sqlite_keeps_what_was_committed_through_a_power_cut_and_forgets_what_was_deleted(sqlite: Database) -> None:
    """Write-ahead log with a flush at each commit; foreign keys; deleted content is overwritten."""
    with sqlite.engine().connect() as connection:
        pragmas = {
            name: connection.execute(sa.text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}


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
