"""A private PostgreSQL, and fresh databases on it or on one that the environment names."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import psutil
import psycopg
from psycopg import sql

from tests.servers.kept import Kept, MissingServerError, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from types import TracebackType

ACCOUNT = "postgres"  # PostgreSQL refuses to run as root; Debian's package makes this account


class PostgreSQL:
    """A server on 127.0.0.1 with a password of its own and the durability of a real one; a context manager.

    One that ``serves_many`` databases of short lives asks for the password in the way that takes the least time, and
    does not go round them to clean up.
    """

    def __init__(self, *, serves_many: bool = False) -> None:
        programs = _programs()
        # Short and in no directory that only root may enter: a socket's path is limited, and the server is not root.
        self.directory = directory = Path(tempfile.mkdtemp(prefix="discreet-pg-"))
        password = secrets.token_hex(16)
        self.port = free_port()
        self.url = f"postgresql://{ACCOUNT}:{password}@127.0.0.1:{self.port}/postgres"
        user = ACCOUNT if os.geteuid() == 0 else ""
        if user:
            shutil.chown(directory, user, user)
        _make_cluster(programs / "initdb", directory, password, user, "md5" if serves_many else "scram-sha-256")
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": directory,
            "max_connections": 300,  # as deploy/postgres/start.sh has it
            "autovacuum": "off" if serves_many else "on",
        }
        command = [programs / "postgres", "-D", directory / "data"]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        # SIGQUIT is an immediate shutdown, which still frees the shared memory.
        self._server = Kept(command, directory, user=user, last_signal="SIGQUIT")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._server.close()

    def start(self) -> None:
        """Start, again after a ``kill``."""
        self._server.start(self._answers)

    def kill(self, by: str = "SIGQUIT") -> None:
        """End without any farewell to clients: they find their connections reset.

        By SIGKILL the server's children find out by themselves; a new one does not start while one of them is left.
        """
        server = psutil.Process(int((self.directory / "data" / "postmaster.pid").read_text().split()[0]))
        children = server.children()
        self._server.end(by)
        psutil.wait_procs(children, timeout=30)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True


class Databases:
    """Fresh databases on a server, dropped at the end; ``url`` is of an account that may create them."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._names: list[str] = []
        self._models: dict[Hashable, str] = {}

    def create(self) -> str:
        """Make an empty database and return its URL."""
        name = self._new_name()
        self._execute("CREATE DATABASE {}", name)
        return self._url_of(name)

    def plan(self) -> str:
        """Return the URL of a database that is not there yet: ``make_planned`` makes it."""
        name = self._new_name()
        _planned[name] = self
        return self._url_of(name)

    def make(self, name: str, kind: Hashable, fill: Callable[[str], None]) -> None:
        """Make a database as a copy of the model of its kind, which ``fill`` filled, given its name."""
        if kind not in self._models:
            model = self._new_name()
            self._execute("CREATE DATABASE {}", model)
            fill(model)
            self._models[kind] = model
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, self._models[kind])

    def put_back(self, url: str, like: str) -> None:
        """Make a database anew as a copy of another one, whoever was connected to it; both are given by URL."""
        name, model = (urlsplit(each).path.removeprefix("/") for each in (url, like))
        self._execute("DROP DATABASE {} WITH (FORCE)", name)
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, model)

    def drop(self) -> None:
        """Drop all of them, with whoever is still connected."""
        while self._names:
            self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", self._names.pop())

    def _new_name(self) -> str:
        self._names.append(f"discreet_test_{uuid.uuid4().hex[:12]}")
        return self._names[-1]

    def _url_of(self, name: str) -> str:
        return urlsplit(self._url)._replace(path=f"/{name}").geturl()

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


_planned: dict[str, Databases] = {}


def make_planned(name: str, kind: Hashable, fill: Callable[[str], None]) -> bool:
    """Make a database that was planned; return False, and do nothing, if it was not, or is there."""
    databases = _planned.pop(name, None)
    if databases is not None:
        databases.make(name, kind, fill)
    return databases is not None


def _programs() -> Path:
    """Find the newest server: Debian keeps the programs of each version apart and off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    if (on_path := shutil.which("postgres")) is not None:
        return Path(on_path).resolve().parent
    raise MissingServerError("no PostgreSQL: install Debian's postgresql or set DISCREET_TEST_POSTGRES_URL")


def _make_cluster(initdb: Path, directory: Path, password: str, user: str, auth: str) -> None:
    secret = directory / "password"
    secret.write_text(password)
    identity = {"user": user, "group": user, "extra_groups": []} if user else {}
    command = [initdb, "-D", directory / "data", "-U", ACCOUNT, f"--pwfile={secret}", f"--auth={auth}"]
    command += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=directory, **identity)
