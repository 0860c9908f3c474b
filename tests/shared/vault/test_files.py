"""Photos and papers lie on disk sealed, under names that say nothing, and are gone when they are removed."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

import pytest

from shared.errors import GoneError, IntegrityError, KeyDestroyedError
from shared.vault import SealedFile, SealedFiles, Vault

PHOTO = b"\xff\xd8\xff" + b"pixels" * 50_000
pytestmark = pytest.mark.parametrize("keys_url", ["sqlite"], indirect=True)


@pytest.fixture
def files(vault: Vault, tmp_path: Path) -> SealedFiles:
    """Open a directory of sealed files."""
    return SealedFiles(tmp_path / "files", vault)


def on_disk(files: SealedFiles) -> list[Path]:
    """Return every file there is."""
    return sorted(path for path in files.directory.rglob("*") if path.is_file())


def test_a_file_comes_back_as_it_was(files: SealedFiles) -> None:
    """And on disk nothing of it, nor of whose it is, can be read."""
    written = files.write("photo-jansen", PHOTO)
    assert files.read("photo-jansen", written) == PHOTO
    (path,) = on_disk(files)
    assert b"pixels" not in path.read_bytes()
    assert path.name == written.name
    assert "jansen" not in str(path)


def test_nobody_else_can_read_a_file_or_list_the_directory(files: SealedFiles) -> None:
    """0600 and 0700."""
    files.write("1", PHOTO)
    (path,) = on_disk(files)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for directory in (path.parent, files.directory):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_removed_file_is_gone(files: SealedFiles) -> None:
    """Removing it again is no error."""
    written = files.write("1", PHOTO)
    assert files.remove(written.name)
    assert not files.remove(written.name)
    assert on_disk(files) == []
    with pytest.raises(GoneError):
        files.read("1", written)


def test_a_copy_of_a_file_is_unreadable_once_its_key_is_destroyed(files: SealedFiles, vault: Vault) -> None:
    """The copy in an old backup, for instance."""
    written = files.write("1", PHOTO)
    vault.destroy([written.key_id])
    with pytest.raises(KeyDestroyedError):
        files.read("1", written)


def test_a_file_opens_under_its_own_name_and_record_only(files: SealedFiles) -> None:
    """Whoever swaps two files on disk, or two rows in the database, gets neither."""
    one, two = files.write("1", b"one"), files.write("2", b"two")
    with pytest.raises(IntegrityError):
        files.read("2", one)
    first, second = (files.directory / each.name[:2] / each.name for each in (one, two))
    first.write_bytes(second.read_bytes())
    with pytest.raises(IntegrityError):
        files.read("1", SealedFile(one.name, two.key_id))
    with pytest.raises(IntegrityError):
        files.read("2", SealedFile(one.name, two.key_id))


@pytest.mark.parametrize(
    "name", ["", "..", "../" * 10 + "etc/passwd", "/etc/passwd", "A" * 32, "a" * 31, "a" * 32 + "\n"]
)
def test_a_name_that_is_none_of_ours_is_refused(files: SealedFiles, name: str) -> None:
    """No path comes from outside."""
    with pytest.raises(ValueError, match="name"):
        files.read("1", SealedFile(name, "0" * 32))
    with pytest.raises(ValueError, match="name"):
        files.remove(name)


def test_the_sweep_takes_old_files_without_a_row(files: SealedFiles, hands) -> None:
    """Written in a transaction that was rolled back, or cut off while being written."""
    kept, lost, young = (files.write("1", PHOTO) for _ in range(3))
    half = files.directory / lost.name[:2] / f".{lost.name}.cafe"
    half.write_bytes(b"half")
    week = (hands.now - timedelta(days=8)).timestamp()
    for path in on_disk(files):
        at = hands.now.timestamp() if path.name == young.name else week
        os.utime(path, (at, at))

    def used(names: Collection[str]) -> set[str]:
        assert young.name not in names
        return {kept.name} & set(names)

    assert files.sweep_unused(used, timedelta(days=7), hands.now) == 2
    assert {path.name for path in on_disk(files)} == {kept.name, young.name}
    assert files.sweep_unused(used, timedelta(days=7), hands.now) == 0
