"""A commit wakes whoever waits for the work, and nothing else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
import sqlalchemy as sa

from shared.database import wake_after
from tests.shared.database.notes import fail, notes, texts, write

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.database import Database


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
