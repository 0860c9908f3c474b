"""What a backup says of itself: what is in it, from when, and the digest of every file."""

from __future__ import annotations

import hashlib
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from shared.durable import write_whole
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

Kind = Literal["data", "keys"]
KINDS: tuple[Kind, ...] = ("data", "keys")
NAME = "manifest.json"
CHUNK = 1 << 20


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One file: whose it is, and which life of a database it holds, and how far that had come."""

    service: str
    file: str
    size: int
    sha256: str
    incarnation: str | None = None
    mark: int | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One backup of data or of keys."""

    format: Literal[1] = 1
    kind: Kind
    made_at: datetime
    mode: str
    database: Literal["sqlite", "postgresql"]
    parts: tuple[Part, ...]

    def of(self, service: str) -> list[Part]:
        """Return the files of one service."""
        return [part for part in self.parts if part.service == service]


def write(directory: Path, manifest: Manifest) -> None:
    """Write the manifest of the backup in ``directory``."""
    write_whole(directory / NAME, msgspec.json.format(msgspec.json.encode(manifest), indent=1))


def read_head(directory: Path) -> Manifest:
    """Return the manifest of a backup, whatever became of its files. Raises ConfigurationError."""
    try:
        return msgspec.json.decode((directory / NAME).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise ConfigurationError(f"{directory} is no backup: it has no {NAME}.") from None
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"{directory / NAME} cannot be read: {error}.") from None


def read(directory: Path) -> Manifest:
    """Return the manifest of a backup whose files are as they were made. Raises ConfigurationError."""
    manifest = read_head(directory)
    for part in manifest.parts:
        path = directory / Path(part.file).name
        if not path.is_file() or path.stat().st_size != part.size or digest_of(path) != part.sha256:
            raise ConfigurationError(f"{path} is not as it was backed up. Nothing was put back.")
    return manifest


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def units(directory: Path, kind: Kind) -> Iterator[Path]:
    """Yield the whole backups of a kind below a directory, the oldest first."""
    yield from sorted(path for path in (directory / kind).glob("*Z") if (path / NAME).is_file())
