"""Sealed files: photos and papers on disk under opaque names, each under a data key of its own."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.durable import make_directory, sync_directory, write_whole
from shared.errors import GoneError
from shared.vault.vault import Sealed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime, timedelta
    from pathlib import Path

    from shared.vault.vault import Vault

_NAME = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A sealed file: its name, and the id of the data key that opens it; the row of the record keeps both."""

    name: str
    key_id: str


@dataclass(frozen=True, slots=True)
class SealedFiles:
    """The sealed files of one service, in a directory of their own that only it can enter."""

    directory: Path
    vault: Vault

    def write(self, record_id: str, content: bytes) -> SealedFile:
        """Seal a file for a record and write it so that it survives a power cut whole.

        Before the row is committed: a file without a row is swept, a row without its file would be a loss.
        """
        name = uuid.uuid4().hex
        sealed = self.vault.seal_bytes(record_id, content, field=name)
        path = self._path(name)
        make_directory(path.parent)
        write_whole(path, sealed.ciphertext)
        return SealedFile(name, sealed.key_id)

    def read(self, record_id: str, file: SealedFile) -> bytes:
        """Open a file. Raises GoneError when it was removed, KeyDestroyedError, IntegrityError."""
        try:
            ciphertext = self._path(file.name).read_bytes()
        except FileNotFoundError:
            raise GoneError("The file was removed.") from None
        return self.vault.open_bytes(record_id, Sealed(file.key_id, ciphertext), field=file.name)

    def remove(self, name: str) -> bool:
        """Remove a file; its key is destroyed apart from that. Tells whether it was still there."""
        path = self._path(name)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        sync_directory(path.parent)
        return True

    def sweep_unused(
        self, used: Callable[[Collection[str]], Collection[str]], older_than: timedelta, now: datetime
    ) -> int:
        """Remove files written longer ago than ``older_than`` that no row names; return how many.

        ``used`` returns which of the given names a row still has. Never while a restore is under way.
        """
        before = (now - older_than).timestamp()
        removed = 0
        for folder in sorted(each for each in self.directory.glob("??") if each.is_dir()):
            old = [path for path in folder.iterdir() if path.stat().st_mtime < before]
            names = set(used([path.name for path in old]))
            for path in old:
                if path.name not in names:
                    path.unlink(missing_ok=True)
                    removed += 1
        return removed

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise ValueError("not the name of a sealed file")
        return self.directory / name[:2] / name
