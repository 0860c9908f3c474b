"""The accounts that deploy/postgres/roles.sh makes: a service has all it works with, and nothing else."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import sqlalchemy as sa

from services.migrate import migrate
from shared.database import Database
from shared.leader import Leadership
from shared.messaging.tables import inbox, outbox
from shared.settings import ROOT, SERVICES, Settings
from shared.vault.tables import data_keys
from tests.servers.kept import MissingServerError
from tests.servers.postgresql import PostgreSQL

PLACE = "postgresql://{role}@127.0.0.1:{port}/discreet_{service}"


@dataclass(frozen=True)
class Server:
    """A server on which the script ran, and the passwords it was given."""

    port: int
    secrets: Path

    def settings(self, service: str, *, owner: bool = False) -> Settings:
        """Return the settings of a process of a service, or of its migrations."""
        role, password = f"discreet_{service}", f"{service}-database"
        if owner:
            role, password = f"{role}_owner", f"{password}-owner"
        url = PLACE.format(role=role, port=self.port, service="{service}")
        return Settings.from_environ(
            {
                "DISCREET_MODE": "live",
                "DISCREET_DATABASE_URL": url,
                "DISCREET_KEY_DATABASE_URL": f"{url}_keys",
                "DISCREET_DATABASE_PASSWORD_FILE": str(self.secrets / password),
            }
        )

    def url(self, service: str, database: str, *, owner: bool = False) -> str:
        """Return the URL of any database for a service's account."""
        own = self.settings(service, owner=owner).database_url(service)
        return urlsplit(own)._replace(path=f"/{database}").geturl()

    def make_roles(self) -> None:
        """Run the script."""
        environ = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port)}
        subprocess.run([ROOT / "deploy" / "postgres" / "roles.sh", self.secrets], env=environ, check=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of our own, since roles belong to a whole server; two services are migrated by their owners."""
    try:
        postgres = PostgreSQL()
    except MissingServerError as error:
        pytest.skip(str(error))
    secrets = tmp_path_factory.mktemp("secrets")
    subprocess.run([ROOT / "deploy" / "make-secrets.sh", secrets], check=True)
    (secrets / "postgres-superuser").unlink()
    (secrets / "postgres-superuser").write_text(urlsplit(postgres.url).password)
    with postgres:
        made = Server(postgres.port, secrets)
        made.make_roles()
        for service in ("intake", "newsletter"):
            migrate(made.settings(service, owner=True), [service])
        yield made


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    """The newsletter's database as the newsletter opens it."""
    opened = Database(server.settings("newsletter").database_url("newsletter"))
    yield opened
    opened.close()


def test_a_service_writes_reads_numbers_and_deletes_rows(database: Database):
    """Everything that a service does with rows, the numbers that the database hands out included."""
    with database.transaction() as session:
        row = {"event_id": "e", "type": "t", "body": "{}", "signature": "", "key_id": "", "routing_key": "r"}
        moments = {"next_attempt_at": sa.func.now(), "created_at": sa.func.now()}
        session.execute(sa.insert(outbox).values(**row, state="waiting", attempts=0, **moments))
        session.execute(sa.update(outbox).values(attempts=1))
        numbers = sa.func.pg_get_serial_sequence("outbox", "id")
        assert session.scalar(sa.select(sa.func.nextval(numbers))) > session.scalar(sa.select(outbox.c.id))
        session.execute(sa.delete(outbox))
        assert session.scalar(sa.select(sa.func.count()).select_from(inbox)) == 0


def test_a_service_listens_notifies_and_leads(database: Database):
    """Wake-ups and advisory locks need no right but to connect; one leads, and then the other one."""
    with database.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("LISTEN discreet"))
        with database.engine().connect().execution_options(isolation_level="AUTOCOMMIT") as other:
            other.execute(sa.text("NOTIFY discreet"))
        heard = list(connection.connection.driver_connection.notifies(timeout=10, stop_after=1))
    assert [each.channel for each in heard] == ["discreet"]
    first, second = Leadership(database, "relay"), Leadership(database, "relay")
    assert (first.hold(), second.hold()) == (True, False)
    first.release()
    deadline = time.monotonic() + 10  # the server takes a moment to see that the first is gone
    while not second.hold() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert second.hold()
    second.release()


def test_a_service_has_its_own_keys(server: Server):
    """The key database is another database with the same two accounts."""
    settings = server.settings("newsletter")
    keys = Database(settings.key_database_url("newsletter"))
    with keys.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(data_keys)) == 0
    keys.close()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE TEMP TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "ALTER TABLE outbox ADD COLUMN mine int",
        "DROP TABLE outbox",
        "TRUNCATE outbox",
        "CREATE INDEX mine ON outbox (id)",
        "CREATE TRIGGER t AFTER INSERT ON outbox EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
        "ALTER ROLE discreet_newsletter CREATEDB",
        "SET ROLE discreet_newsletter_owner",
        "SET ROLE discreet_intake",
        "COPY outbox TO '/tmp/outbox'",
    ],
)
def test_a_service_makes_and_changes_nothing_but_rows(server: Server, statement: str):
    """A service that was taken over can do no more to its database than the service itself."""
    url = server.url("newsletter", "discreet_newsletter")
    with psycopg.connect(url, autocommit=True) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement)


@pytest.mark.parametrize("owner", [False, True])
@pytest.mark.parametrize("database", ["discreet_intake", "discreet_intake_keys", "discreet_requests_keys"])
def test_a_service_enters_no_database_of_another(server: Server, database: str, owner: bool):
    """Neither its tables nor its keys; nor do migrations of one service reach another."""
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(server.url("newsletter", database, owner=owner))


def test_running_the_script_again_changes_passwords_and_nothing_else(server: Server, database: Database):
    """A new password in the file is the new password; tables, rows and other accounts stay as they were."""
    rights: Callable[[], list] = lambda: _rights(server)  # noqa: E731
    before, secret = rights(), server.secrets / "newsletter-database"
    old = server.url("newsletter", "discreet_newsletter")
    secret.unlink()
    subprocess.run([ROOT / "deploy" / "make-secrets.sh", server.secrets], check=True)
    server.make_roles()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(old)
    assert rights() == before
    assert len(before) > 10


def _rights(server: Server) -> list:
    query = (
        "SELECT oid::regclass::text, relacl::text FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    with psycopg.connect(server.url("newsletter", "discreet_newsletter")) as connection:
        return connection.execute(query).fetchall()


def test_every_service_has_its_secrets():
    """The scripts know the services that the code knows."""
    for script in (ROOT / "deploy" / "make-secrets.sh", ROOT / "deploy" / "postgres" / "roles.sh"):
        assert " ".join(SERVICES) in script.read_text()
