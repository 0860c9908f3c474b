"""One leader per database: a second one waits until the first lets go, ends, or loses its connection."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from shared.database import Database
from shared.leader import Leadership
from tests.kit.installation import on_postgresql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LEADER = """
import sys, time
from shared.database import Database
from shared.leader import Leadership
leading = Leadership(Database(sys.argv[1]), "relay")
print(leading.hold(), flush=True)
time.sleep(60)
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    return (
        f"sqlite:///{tmp_path / 'x.sqlite3'}"
        if request.param == "sqlite"
        else request.getfixturevalue("postgres_url")()
    )


@pytest.fixture
def process(url: str) -> Iterator[Callable[[], Leadership]]:
    """Give a function that makes what one process has: a database and the wish to lead."""
    made: list[tuple[Database, Leadership]] = []

    def make(purpose: str = "relay") -> Leadership:
        database = Database(url)
        made.append((database, Leadership(database, purpose)))
        return made[-1][1]

    yield make
    for database, leading in made:
        leading.release()
        database.close()


def test_a_second_does_not_lead_until_the_first_lets_go(process: Callable[..., Leadership]) -> None:
    """Two relays of one service: one publishes, the other stands by."""
    first, second = process(), process()
    assert [first.hold(), second.hold(), first.hold(), second.hold()] == [True, False, True, False]
    first.release()
    assert any(second.hold() for _ in range(200)), "a server takes a moment to notice"
    assert not first.hold()


def test_other_work_has_other_leaders(process: Callable[..., Leadership]) -> None:
    """Who leads the relay does not lead everything."""
    assert process("relay").hold()
    assert process("restore").hold()


def test_a_leader_that_is_killed_is_followed_at_once(url: str, process: Callable[..., Leadership]) -> None:
    """SIGKILL: the kernel frees the lock, or closes the connection that held it."""
    killed = subprocess.Popen([sys.executable, "-c", LEADER, url], stdout=subprocess.PIPE, text=True)
    assert killed.stdout is not None
    assert killed.stdout.readline() == "True\n"
    second = process()
    assert not second.hold()
    killed.kill()
    killed.communicate()
    assert any(second.hold() for _ in range(200))


def test_services_in_one_database_have_a_leader_each(postgres_url: Callable[[], str]) -> None:
    """A clinic may give each service a schema of one database: the relay of one must not stop those of the others."""
    environ = on_postgresql(postgres_url())
    names = ("intake", "newsletter")
    databases = [Database(environ["DISCREET_DATABASE_URL"].replace("{service}", name)) for name in names]
    leading = [Leadership(database, "relay") for database in databases]
    assert [each.hold() for each in leading] == [True, True]
    assert not Leadership(databases[0], "relay").hold()
    for each, database in zip(leading, databases, strict=True):
        each.release()
        database.close()


def test_a_leader_that_lost_its_connection_notices_before_it_acts(postgres_url: Callable[[], str]) -> None:
    """Its lock went with the connection: somebody else may lead by now."""
    url = postgres_url()
    first, second = Database(url), Database(url)
    leader, other = Leadership(first, "relay"), Leadership(second, "relay")
    assert leader.hold()
    with second.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        holder = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
        assert connection.execute(sa.text(holder)).scalar() is True
    assert any(other.hold() for _ in range(2000)), "the server takes a moment to end it"
    assert not leader.hold()
    other.release()
    assert any(leader.hold() for _ in range(200)), "the server takes a moment to notice"
    leader.release()
    first.close()
    second.close()


def test_the_server_itself_looks_whether_the_leader_is_still_there(postgres_url: Callable[[], str]) -> None:
    """A machine that is gone says nothing: the server's default would hold its lock for two hours."""
    database = Database(postgres_url())
    leader = Leadership(database, "relay")
    assert leader.hold()
    assert leader._connection is not None
    names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")
    idle, interval, count = (int(leader._connection.execute(sa.text(f"SHOW {name}")).scalar_one()) for name in names)
    assert idle + interval * count <= 30
    leader.release()
    database.close()
