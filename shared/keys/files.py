"""Key files on disk: read only when nobody else can, written whole or not at all."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from shared.durable import make_directory, write_whole
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = 0o600
PUBLIC = 0o644
_OF_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_WRITE_OF_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def read_secret(path: Path) -> bytes:
    """Return a secret file's bytes.

    Raises ConfigurationError when it is missing, when group or others have any right to it, or when its
    directory lets others put another file in its place.
    """
    while True:
        content, was_replaced = _read_checked(path, _OF_OTHERS)
        if not was_replaced:
            return content


def read_public(path: Path) -> bytes:
    """Return a file's bytes that everybody may read and only we may write. Raises ConfigurationError."""
    return _read_checked(path, _WRITE_OF_OTHERS)[0]


def _read_checked(path: Path, forbidden: int) -> tuple[bytes, bool]:
    """Return the bytes, and whether the file was replaced while it was read."""
    try:
        with path.open("rb") as file:
            if (mode := stat.S_IMODE(os.fstat(file.fileno()).st_mode)) & forbidden:
                raise ConfigurationError(f"{path} is open to others (mode {mode:04o}): run chmod 600 {path}.")
            if path.parent.stat().st_mode & _WRITE_OF_OTHERS:
                raise ConfigurationError(f"Others can put files in {path.parent}: run chmod 700 {path.parent}.")
            return file.read(), os.fstat(file.fileno()).st_nlink == 0
    except FileNotFoundError:
        raise ConfigurationError(f"{path} is missing: `discreet key make` makes it.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error


def write_file(path: Path, content: bytes, mode: int = SECRET) -> None:
    """Write a file so that it is there whole after a crash, or not at all. Raises ConfigurationError."""
    try:
        make_directory(path.parent)
        write_whole(path, content, mode)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}.") from error


def replace_secret(path: Path, content: bytes) -> None:
    """Replace a secret file, and overwrite the old bytes as far as the disk lets us.

    On a disk that writes elsewhere (an SSD, a copy-on-write file system, a backup) old bytes can survive.
    """
    with path.open("r+b") as old:
        write_file(path, content)
        size = os.fstat(old.fileno()).st_size
        old.write(bytes(size))
        old.flush()
        os.fsync(old.fileno())


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Let one process at a time change the key files; the lock goes with the process that holds it."""
    make_directory(directory)
    with (directory / ".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            # Said and not left to closing the file, which a child forked meanwhile has open as well.
            fcntl.flock(lock, fcntl.LOCK_UN)
