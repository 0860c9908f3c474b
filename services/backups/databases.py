"""Copying a database while it is used, and putting a copy in its place: SQLite by its own means, PostgreSQL by its."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.database import Database, sqlite_module
from shared.durable import make_directory, sync_directory, sync_file
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from shared.settings import Settings

GOING = 2  # seconds that PostgreSQL may take to end a session whose client went away


def can_copy(settings: Settings) -> bool:
    """Whether this machine has what copies its databases: PostgreSQL's are copied by programs of its own."""
    return settings.database_url_template is None or shutil.which("pg_dump") is not None


def copy_out(database: Database, target: Path) -> None:
    """Write a copy of one moment to a new file. Raises ConfigurationError."""
    if database.file is None:
        options = ("--format=custom", f"--schema={_schema(database)}", f"--file={target}")
        _run(database, "pg_dump", options)
    else:
        _copy_sqlite(database.file, target)
    target.chmod(0o600)
    sync_file(target)


def put_in(database: Database, source: Path) -> None:
    """Put a copy in the place of a database that nobody uses. Raises ConfigurationError."""
    if database.file is None:
        options = ("--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error", str(source))
        _run(database, "pg_restore", options)
    else:
        put_file(source, database.file)
        for beside in ("-wal", "-shm", "-journal"):
            database.file.with_name(f"{database.file.name}{beside}").unlink(missing_ok=True)


def put_file(source: Path, target: Path) -> None:
    """Put a file in another's place, whole or not at all."""
    make_directory(target.parent)
    temporary = target.with_name(f".{target.name}.putting-back")
    shutil.copyfile(source, temporary)
    temporary.chmod(0o600)
    sync_file(temporary)
    temporary.replace(target)
    sync_directory(target.parent)


def is_used(database: Database) -> bool:
    """Tell whether others are on a PostgreSQL database, those who are just going aside."""
    patience = time.monotonic() + GOING
    while _others_on(database):
        if time.monotonic() > patience:
            return True
        time.sleep(0.05)
    return False


def _others_on(database: Database) -> int:
    query = sa.text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    )
    with database.reading() as session:
        return int(session.scalar(query) or 0)


def _copy_sqlite(source: Path, target: Path) -> None:
    if not source.exists():
        raise ConfigurationError(f"{source} is not there: did the system ever start on this home?")
    module = sqlite_module()
    reading = module.connect(f"file:{source}?mode=rw", uri=True)
    try:
        writing = module.connect(str(target))
        try:
            reading.backup(writing)  # all pages in one step: one moment, whoever writes meanwhile
            writing.execute("PRAGMA journal_mode=DELETE")
            [[verdict]] = writing.execute("PRAGMA quick_check(1)").fetchall()
        finally:
            writing.close()
    finally:
        reading.close()
    if verdict != "ok":
        raise ConfigurationError(f"{source} is damaged: SQLite says {verdict}.")


def _schema(database: Database) -> str:
    with database.reading() as session:
        return str(session.scalar(sa.text("SELECT current_schema()")))


def _run(database: Database, program: str, options: Sequence[str]) -> None:
    """Run a program of PostgreSQL's; its password is in no command line."""
    path = shutil.which(program)
    if path is None:
        raise ConfigurationError(
            f"{program} is not on this machine (package postgresql-client); it must be no older than the server."
        )
    url = database.url._replace(drivername="postgresql", password=None).render_as_string()
    environ: Mapping[str, str] = {
        **os.environ,
        "PGPASSWORD": str(database.url.password or ""),
        "PGCONNECT_TIMEOUT": "10",
    }
    done = subprocess.run(  # noqa: S603 - PostgreSQL's own program
        [path, *options[:-1], "--dbname", url, options[-1]], env=environ, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ConfigurationError(f"{program} failed: {_first_line(done.stderr)}")


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.strip()), "it did not say why")
