"""Key files are read only when nobody else can, and written whole or not at all."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from shared.keys.files import PUBLIC, locked, read_public, read_secret, replace_secret, write_file


def mode_of(path: Path) -> int:
    """Return the rights on a file or directory."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_a_secret_is_written_for_its_owner_only(tmp_path: Path, umask: int) -> None:
    """Whatever umask the process was started under."""
    path = tmp_path / "keys" / "intake" / "master.json"
    path.parent.mkdir(parents=True, mode=0o700)
    before = os.umask(umask)
    try:
        write_file(path, b"secret")
        write_file(path.with_name("public"), b"public", PUBLIC)
    finally:
        os.umask(before)
    assert mode_of(path) == 0o600
    assert mode_of(path.with_name("public")) == 0o644
    assert read_secret(path) == b"secret"


def test_a_new_directory_can_be_entered_by_its_owner_only(tmp_path: Path) -> None:
    """Even the names of the files in it say something."""
    write_file(tmp_path / "keys" / "intake" / "master.json", b"secret")
    assert mode_of(tmp_path / "keys") == mode_of(tmp_path / "keys" / "intake") == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o644])
def test_a_secret_that_others_have_a_right_to_is_refused(tmp_path: Path, mode: int) -> None:
    """The message says which file, and which command closes it."""
    path = tmp_path / "master.json"
    write_file(path, b"secret")
    path.chmod(mode)
    with pytest.raises(ConfigurationError, match=f"chmod 600 {path}"):
        read_secret(path)
    path.chmod(0o600)
    assert read_secret(path) == b"secret"


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_directory_into_which_others_can_put_files_is_refused(tmp_path: Path, mode: int) -> None:
    """They could put a key of their own in the place of ours."""
    path = tmp_path / "keys" / "root.pub"
    write_file(path, b"public", PUBLIC)
    path.parent.chmod(mode)
    with pytest.raises(ConfigurationError, match="chmod 700"):
        read_public(path)


def test_a_public_file_may_be_read_but_not_written_by_others(tmp_path: Path) -> None:
    """The roster and the root public key are no secret; putting other bytes there is another matter."""
    path = tmp_path / "root.pub"
    write_file(path, b"public", PUBLIC)
    assert read_public(path) == b"public"
    path.chmod(0o664)
    with pytest.raises(ConfigurationError):
        read_public(path)


def test_a_missing_file_says_which_command_makes_it(tmp_path: Path) -> None:
    """Nothing is made silently."""
    with pytest.raises(ConfigurationError, match=r"master\.json is missing: `discreet key make`"):
        read_secret(tmp_path / "master.json")


def test_a_directory_in_the_place_of_a_file_is_an_error_of_configuration(tmp_path: Path) -> None:
    """And not a traceback."""
    (tmp_path / "master.json").mkdir()
    with pytest.raises(ConfigurationError):
        read_secret(tmp_path / "master.json")
    with pytest.raises(ConfigurationError):
        write_file(tmp_path / "master.json", b"secret")
    assert [path.name for path in tmp_path.iterdir()] == ["master.json"]


def test_a_replaced_secret_is_overwritten_on_the_disk(tmp_path: Path) -> None:
    """Whoever still has the old file open, or finds its blocks, finds zeros."""
    path = tmp_path / "master.json"
    write_file(path, b"the old secret")
    with path.open("rb") as old:
        replace_secret(path, b"the new one")
        assert old.read() == bytes(len(b"the old secret"))
    assert read_secret(path) == b"the new one"
    assert mode_of(path) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["master.json"]


def test_one_at_a_time_changes_the_keys(tmp_path: Path) -> None:
    """Whoever comes second waits until the first has let go."""
    entered = threading.Event()

    def enter() -> None:
        with locked(tmp_path):
            entered.set()

    second = threading.Thread(target=enter)
    with locked(tmp_path):
        second.start()
        assert not entered.wait(0.2)
    second.join(timeout=10)
    assert entered.is_set()
