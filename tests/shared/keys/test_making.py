"""In a trial the keys make themselves; for a clinic nothing is made silently."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from shared.keys import KeyStore, make_live_keys, make_trial_keys
from shared.keys.making import make_root, read_root
from shared.signing import SigningKey, fingerprint_of

SERVICES = ("intake", "requests")
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def contents(directory: Path) -> dict[str, bytes]:
    """Return every file of a directory with its bytes."""
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_trial_makes_every_key_a_process_reads(tmp_path: Path) -> None:
    """Services, console and command find what they need, and the roster knows every key that signs."""
    make_trial_keys(tmp_path / "keys", SERVICES)
    store = KeyStore(tmp_path / "keys")
    roster = store.roster().current()
    for service in SERVICES:
        keys = store.for_service(service)
        assert roster.events_key_of(service, keys.events.key_id, NOW).verifies(keys.events.sign(b"x"), b"x")
        assert roster.public_key(keys.claims.key_id).purpose == "claims"
        assert len(keys.masters().current_key) == 32
    assert roster.public_key(store.for_console().staff_tokens.key_id).holder == "console"
    assert roster.public_key(store.for_command().key_id).purpose == "tool-tokens"


def test_services_share_the_reference_keys_and_nothing_else(tmp_path: Path) -> None:
    """One person has one reference everywhere; everything else is each service's own."""
    make_trial_keys(tmp_path, SERVICES)
    intake, requests = (KeyStore(tmp_path).for_service(service) for service in SERVICES)
    assert intake.refs.email("jan@example.nl") == requests.refs.email("jan@example.nl")
    assert intake.masters() != requests.masters()
    assert intake.index.token("x") != requests.index.token("x")
    assert intake.events.key_id != intake.claims.key_id != requests.events.key_id
    assert intake.secret("form-tokens") != requests.secret("form-tokens")
    assert intake.secret("form-tokens") != intake.secret("other")
    assert intake.secret("form-tokens") == KeyStore(tmp_path).for_service("intake").secret("form-tokens")
    assert KeyStore(tmp_path).for_console().secret("sessions") != intake.secret("sessions")


def test_a_service_reads_no_key_of_another(tmp_path: Path) -> None:
    """In a distributed installation the other keys are not even on its machine."""
    make_trial_keys(tmp_path, SERVICES)
    for gone in ("requests", "console", "command"):
        shutil.rmtree(tmp_path / gone)
    (tmp_path / "root.pem").unlink()
    assert KeyStore(tmp_path).for_service("intake").refs
    assert KeyStore(tmp_path).roster().current().keys


def test_nobody_else_can_read_a_secret(tmp_path: Path) -> None:
    """Files 0600 and directories 0700, but for what is public."""
    make_trial_keys(tmp_path / "keys", SERVICES)
    public = {"root.pub", "root.fingerprint", "roster.json", "roster.json.sig"}
    for path in [tmp_path / "keys", *(tmp_path / "keys").rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        if path.is_dir():
            assert mode == 0o700
        elif path.name != ".lock":
            assert mode == (0o644 if path.name in public else 0o600), path


def test_making_trial_keys_again_changes_nothing(tmp_path: Path) -> None:
    """Every start does it; every other key would make yesterday's records unreadable."""
    make_trial_keys(tmp_path, SERVICES)
    before = contents(tmp_path)
    make_trial_keys(tmp_path, SERVICES)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "lost", ["roster.json", "roster.json.sig", "root.pub", "intake/claims.pem", "requests/index.json", "reference.json"]
)
def test_trial_keys_that_were_half_made_are_completed(tmp_path: Path, lost: str) -> None:
    """A first start that was killed is finished by the second; what is there stays."""
    make_trial_keys(tmp_path, SERVICES)
    before = contents(tmp_path)
    (tmp_path / lost).unlink()
    if lost == "roster.json.sig":
        (tmp_path / "roster.json").unlink()  # the signatures are written first
    make_trial_keys(tmp_path, SERVICES)
    after = contents(tmp_path)
    assert after.keys() == before.keys()
    assert {name for name in after if after[name] != before[name]} <= {lost, "roster.json", "roster.json.sig"}
    for service in SERVICES:
        keys = KeyStore(tmp_path).for_service(service)
        assert KeyStore(tmp_path).roster().current().public_key(keys.claims.key_id) is not None


def test_a_service_that_is_added_later_comes_on_the_roster(tmp_path: Path) -> None:
    """The others keep their keys, and the roster's number goes up."""
    make_trial_keys(tmp_path, ["intake"])
    first = KeyStore(tmp_path).roster().current()
    make_trial_keys(tmp_path, SERVICES)
    second = KeyStore(tmp_path).roster().current()
    assert second.serial == first.serial + 1
    assert set(first.keys) < set(second.keys)


def test_processes_that_start_at_once_make_one_set_of_keys(tmp_path: Path) -> None:
    """Each sees the same keys as the others from its first moment on."""
    program = (
        "import sys; from pathlib import Path; from shared.keys import KeyStore, make_trial_keys;"
        "make_trial_keys(Path(sys.argv[1]), ['intake', 'requests']); store = KeyStore(Path(sys.argv[1]));"
        "keys = store.for_service('intake');"
        "print(keys.events.key_id, keys.masters().current, keys.refs.email('jan@example.nl'),"
        "store.roster().current().events_key_of('intake', keys.events.key_id, __import__('datetime')"
        ".datetime.now(__import__('datetime').UTC)).key_id)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "keys")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(4)]
    outputs = {process.communicate(timeout=60)[0] for process in running}
    assert [process.returncode for process in running] == [0] * 4
    assert len(outputs) == 1


def test_live_keys_are_made_with_a_root_key_that_stays_elsewhere(tmp_path: Path) -> None:
    """The directory of the running system holds only the root's public half."""
    root = make_root(tmp_path / "stick")
    make_live_keys(tmp_path / "keys", root, SERVICES, NOW)
    store = KeyStore(tmp_path / "keys")
    assert not store.root_path.exists()
    assert store.root_public_key() == root.public_key
    assert {key.not_before for key in store.roster().current().keys} == {NOW}
    assert (tmp_path / "keys" / "root.fingerprint").read_text().strip() == fingerprint_of(root.public_key)
    assert store.for_service("intake").refs


def test_live_keys_are_missed_by_name(tmp_path: Path) -> None:
    """A clinic's system that lacks a key does not start, and says what to do."""
    with pytest.raises(ConfigurationError, match=r"reference\.json is missing: `discreet key make`"):
        KeyStore(tmp_path).for_service("intake")
    with pytest.raises(ConfigurationError, match=r"tool-tokens\.pem is missing"):
        KeyStore(tmp_path).for_command()
    with pytest.raises(ConfigurationError, match=r"root\.pub is missing"):
        KeyStore(tmp_path).roster()
    assert list(tmp_path.iterdir()) == []


def test_a_directory_belongs_to_one_root_key(tmp_path: Path) -> None:
    """A second root key would orphan every roster and proof of the first."""
    root = make_root(tmp_path / "stick")
    with pytest.raises(ConfigurationError, match="already"):
        make_root(tmp_path / "stick")
    make_live_keys(tmp_path / "keys", root, SERVICES, NOW)
    before = contents(tmp_path / "keys")
    with pytest.raises(ConfigurationError, match="another root key"):
        make_live_keys(tmp_path / "keys", SigningKey.generate(), SERVICES, NOW)
    with pytest.raises(ConfigurationError, match=r"root\.pem is needed"):
        make_trial_keys(tmp_path / "keys", [*SERVICES, "dossier"])
    assert before.items() <= contents(tmp_path / "keys").items()


def test_the_root_key_is_read_back_from_where_it_was_made(tmp_path: Path) -> None:
    """With the same care for who else can read it."""
    root = make_root(tmp_path / "stick")
    assert read_root(tmp_path / "stick" / "root.pem").key_id == root.key_id
    (tmp_path / "stick" / "root.pem").chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        read_root(tmp_path / "stick" / "root.pem")


def test_a_key_file_with_something_else_in_it_is_named(tmp_path: Path) -> None:
    """Whoever has to repair it must know which one it is."""
    make_trial_keys(tmp_path, SERVICES)
    for name in ("intake/master.json", "intake/events.pem"):
        (tmp_path / name).write_bytes(b"{}")
    with pytest.raises(ConfigurationError, match=r"intake/events\.pem"):
        KeyStore(tmp_path).for_service("intake")
    with pytest.raises(ConfigurationError, match=r"intake/master\.json"):
        KeyStore(tmp_path).ring("master", "intake")
