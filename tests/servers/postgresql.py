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
    from types import TracebackType

ACCOUNT = "postgres"  # PostgreSQL refuses to run as root; Debian's package makes this account


class PostgreSQL:
    """A server on 127.0.0.1 with a password of its own and the durability of a real one; a context manager."""

    def __init__(self) -> None:
        programs = _programs()
        # Short and in no directory that only root may enter: a socket's path is limited, and the server is not root.
        self.directory = directory = Path(tempfile.mkdtemp(prefix="discreet-pg-"))
        password = secrets.token_hex(16)
        self.port = free_port()
        self.url = f"postgresql://{ACCOUNT}:{password}@127.0.0.1:{self.port}/postgres"
        user = ACCOUNT if os.geteuid() == 0 else ""
        if user:
            shutil.chown(directory, user, user)
        _make_cluster(programs / "initdb", directory, password, user)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": directory,
            "max_connections": 300,  # as deploy/postgres/start.sh has it
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

    def create(self) -> str:
        """Make an empty database and return its URL."""
        name = f"discreet_test_{uuid.uuid4().hex[:12]}"
        self._execute("CREATE DATABASE {}", name)
        self._names.append(name)
        return urlsplit(self._url)._replace(path=f"/{name}").geturl()

    def put_back(self, url: str, like: str) -> None:
        """Make a database anew as a copy of another one, whoever was connected to it; both are given by URL."""
        name, model = (urlsplit(each).path.removeprefix("/") for each in (url, like))
        self._execute("DROP DATABASE {} WITH (FORCE)", name)
        self._execute("CREATE DATABASE {} TEMPLATE {}", name, model)

    def drop(self) -> None:
        """Drop all of them, with whoever is still connected."""
        while self._names:
            self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", self._names.pop())

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _programs() -> Path:
    """Find the newest server: Debian keeps the programs of each version apart and off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    if (on_path := shutil.which("postgres")) is not None:
        return Path(on_path).resolve().parent
    raise MissingServerError("no PostgreSQL: install Debian's postgresql or set DISCREET_TEST_POSTGRES_URL")


def _make_cluster(initdb: Path, directory: Path, password: str, user: str) -> None:
    secret = directory / "password"
    secret.write_text(password)
    identity = {"user": user, "group": user, "extra_groups": []} if user else {}
    command = [initdb, "-D", directory / "data", "-U", ACCOUNT, f"--pwfile={secret}", "--auth=scram-sha-256"]
    command += ["--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=directory, **identity)
