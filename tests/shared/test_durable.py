"""Files are written whole or not at all, for their owner only."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from shared.durable import make_directory, write_whole


def mode_of(path: Path) -> int:
    """Return the rights on a file or directory."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_the_umask_neither_opens_nor_closes_what_is_written(tmp_path: Path, umask: int) -> None:
    """A process started under any umask writes what the next one can read, and nobody else."""
    path = tmp_path / "some" / "folder" / "file"
    before = os.umask(umask)
    try:
        make_directory(path.parent)
        write_whole(path, b"content")
    finally:
        os.umask(before)
    assert mode_of(path) == 0o600
    assert mode_of(path.parent) == mode_of(path.parent.parent) == 0o700


def test_a_directory_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    """Its rights are the business of whoever made it."""
    tmp_path.chmod(0o750)
    make_directory(tmp_path)
    assert mode_of(tmp_path) == 0o750


def test_an_old_file_stays_when_the_new_one_cannot_be_put_in_its_place(tmp_path: Path) -> None:
    """And nothing half written is left beside it."""
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_whole(tmp_path / "file", b"content")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path) -> None:
    """Whoever has the old one open reads the old one to its end."""
    path = tmp_path / "file"
    write_whole(path, b"old")
    with path.open("rb") as reader:
        write_whole(path, b"new and longer")
        assert reader.read() == b"old"
    assert path.read_bytes() == b"new and longer"
