"""Taking a backup: each kind whole or not at all, of every service, while the system runs."""

from __future__ import annotations

import json
import secrets
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.backups import databases, manifest
from services.backups.manifest import Manifest, Part
from services.console.service import directory_of
from shared.clock import utc_text
from shared.database import Database
from shared.durable import make_directory, sync_directory, write_whole
from shared.policy import Policy
from shared.policy.limits import BACKUP, KEY_BACKUP
from shared.restore.lives import key_mark, lives_of
from shared.settings import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from services.backups.manifest import Kind
    from shared.settings import Settings

RECORD = "backups.json"
TERMS: dict[Kind, str] = {"data": BACKUP, "keys": KEY_BACKUP}


@dataclass(frozen=True, slots=True)
class Taken:
    """One backup that was made."""

    directory: Path
    manifest: Manifest

    @property
    def size(self) -> int:
        """How many octets it has."""
        return sum(part.size for part in self.manifest.parts)


def take(settings: Settings, out: Path, kinds: Sequence[Kind], now: datetime) -> list[Taken]:
    """Back up data, and then keys: so every record of the data has its key, or it was erased in between."""
    return [_take(settings, out, kind, now) for kind in sorted(kinds)]


def prune(settings: Settings, out: Path, kinds: Sequence[Kind], now: datetime) -> list[Path]:
    """Remove the backups whose term is over; never the last one."""
    policy, gone = Policy.load(settings.policy), []
    for kind in kinds:
        for directory in list(manifest.units(out, kind))[:-1]:
            if manifest.read_head(directory).made_at < now - policy.term(TERMS[kind]):
                shutil.rmtree(directory)
                gone.append(directory)
    return gone


def last_taken(settings: Settings) -> dict[str, str]:
    """Return when data and keys were backed up last from this home."""
    try:
        said: dict[str, str] = json.loads((settings.home / RECORD).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return {}
    return said


def _take(settings: Settings, out: Path, kind: Kind, now: datetime) -> Taken:
    place = out / kind
    make_directory(place)
    temporary = place / f".{secrets.token_hex(6)}"
    temporary.mkdir(mode=0o700)
    try:
        parts = tuple(_parts(settings, kind, temporary))
        said = Manifest(
            kind=kind,
            made_at=now,
            mode=settings.mode,
            database="sqlite" if settings.database_url_template is None else "postgresql",
            parts=parts,
        )
        manifest.write(temporary, said)
        directory = place / f"{now:%Y%m%dT%H%M%S%f}Z"
        temporary.rename(directory)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_directory(place)
    _record(settings, kind, now)
    return Taken(directory, said)


def _parts(settings: Settings, kind: Kind, directory: Path) -> Iterator[Part]:
    for service in SERVICES:
        url = settings.database_url(service) if kind == "data" else settings.key_database_url(service)
        database = Database(url)
        ending = "sqlite3" if database.file else "dump"
        target = directory / f"{service}.{ending}"
        try:
            incarnation, mark = _mark(database, kind)  # before: the copy is never older than what is said of it
            databases.copy_out(database, target)
        finally:
            database.close()
        yield _part(service, target, incarnation, mark)
    console = directory_of(settings)
    if kind == "data" and console.is_dir():
        for file in sorted(path for path in console.iterdir() if path.is_file() and not path.name.startswith(".")):
            target = directory / f"console.{file.name}"
            databases.put_file(file, target)
            yield _part("console", target)


def _part(service: str, path: Path, incarnation: str | None = None, mark: int | None = None) -> Part:
    return Part(
        service=service,
        file=path.name,
        size=path.stat().st_size,
        sha256=manifest.digest_of(path),
        incarnation=incarnation,
        mark=mark,
    )


def _mark(database: Database, kind: Kind) -> tuple[str | None, int | None]:
    if database.file is not None and not database.file.exists():
        return None, None  # the copy says what is wrong
    with database.reading() as session:
        if kind == "keys":
            found = key_mark(session)
            return (found[0].incarnation, found[0].number) if found else (None, None)
        lives = lives_of(session)
        return (lives.current.id, lives.current.mark) if lives else (None, None)


def _record(settings: Settings, kind: Kind, now: datetime) -> None:
    said = {**last_taken(settings), kind: utc_text(now)}
    write_whole(settings.home / RECORD, json.dumps(said).encode())
