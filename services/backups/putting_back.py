"""Putting a backup back: checked whole first, never under a system that runs, and marked so that it is noticed."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from services.backups import databases, manifest
from services.console.service import directory_of
from shared.database import Database
from shared.errors import ConfigurationError, ConflictError
from shared.restore.lives import lives_of, note
from shared.restore.marks import MarkFile
from shared.restore.noticing import Mark
from shared.settings import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from services.backups.manifest import Kind, Manifest
    from shared.settings import Settings


def find(directory: Path, kinds: Sequence[Kind]) -> list[tuple[Path, Manifest]]:
    """Return the checked backups in a directory: the one that it is, or the last of each kind below it.

    Raises ConfigurationError.
    """
    if (directory / manifest.NAME).exists():
        found = [(directory, manifest.read(directory))]
    else:
        last = [list(manifest.units(directory, kind))[-1:] for kind in kinds]
        found = [(each, manifest.read(each)) for some in last for each in some]
    chosen = [(each, said) for each, said in found if said.kind in kinds]
    if not chosen:
        raise ConfigurationError(f"{directory} holds no backup of {' or '.join(kinds)}.")
    return chosen


def put_back(settings: Settings, found: Sequence[tuple[Path, Manifest]], services: Sequence[str]) -> list[str]:
    """Put the databases in place; return what was put back. Raises ConfigurationError, ConflictError."""
    for _, said in found:
        _check(settings, said)
    if not any(said.of(service) for _, said in found for service in services):
        raise ConfigurationError(f"The backup has nothing of {', '.join(services)}.")
    with _alone(settings, services):
        return [line for directory, said in found for line in _put(settings, directory, said, services)]


def proceed_without(settings: Settings, missing: str, services: Sequence[str]) -> list[str]:
    """Have what catches up no longer wait for a service; return who was waiting for it."""
    told = []
    for service in services:
        database = Database(settings.database_url(service))
        try:
            with database.transaction() as session:
                lives = lives_of(session)
                if service == missing or lives is None or not lives.current.is_catching_up:
                    continue
                without = sorted({*lives.report.get("without", ()), missing})
                note(session, lives.current.id, report={**lives.report, "without": without})
        finally:
            database.close()
        told.append(service)
    return told


def parts_of(settings: Settings) -> list[str]:
    """Return what is put back when nobody says what: accounts of staff only where there are none.

    A backup of them would let somebody in again whose account was closed since.
    """
    return [*SERVICES, *([] if directory_of(settings).is_dir() else ["console"])]


def _check(settings: Settings, said: Manifest) -> None:
    here = "sqlite" if settings.database_url_template is None else "postgresql"
    if said.database != here:
        raise ConfigurationError(f"This is a backup of {said.database}; this installation is on {here}.")
    if said.mode != settings.mode:
        raise ConfigurationError(f"This is a backup of a {said.mode} system; this one is {settings.mode}.")


def _put(settings: Settings, directory: Path, said: Manifest, services: Sequence[str]) -> Iterator[str]:
    for service in services:
        for part in said.of(service):
            source = directory / Path(part.file).name
            if service == "console":
                databases.put_file(source, directory_of(settings) / source.name.removeprefix("console."))
            else:
                _tell(settings, service, said.kind)  # first: should it end halfway, it is noticed all the same
                _put_database(settings, service, said.kind, source)
            yield f"{service}, {said.kind}"


def _put_database(settings: Settings, service: str, kind: Kind, source: Path) -> None:
    database = _database(settings, service, kind)
    try:
        databases.put_in(database, source)
    finally:
        database.close()


def _tell(settings: Settings, service: str, kind: Kind) -> None:
    """Say in the mark what was put back, beside what it says already."""
    file = MarkFile(settings.journal, service)
    mark = file.read() or Mark("", 0)
    file.write(replace(mark, put_back=tuple(sorted({*mark.put_back, kind}))))


def _database(settings: Settings, service: str, kind: Kind) -> Database:
    return Database(settings.database_url(service) if kind == "data" else settings.key_database_url(service))


@contextmanager
def _alone(settings: Settings, services: Sequence[str]) -> Iterator[None]:
    """Hold the home, or find that nobody else is on the databases. Raises ConflictError."""
    run = settings.home / "run"
    run.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (run / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(f"Discreet runs on {settings.home}. Stop it first.") from None
        for service in services:
            if service in SERVICES and _is_used(settings, service):
                raise ConflictError(f"Somebody works on the database of {service}. Stop its processes first.")
        yield


def _is_used(settings: Settings, service: str) -> bool:
    database = Database(settings.database_url(service))
    if database.file is not None:
        return _is_locked(database.file.with_name(f"{database.file.name}.marks"))
    try:
        return databases.is_used(database)
    finally:
        database.close()


def _is_locked(path: Path) -> bool:
    """Tell whether a worker leads here: it holds this file as long as it lives."""
    if not path.exists():
        return False
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
