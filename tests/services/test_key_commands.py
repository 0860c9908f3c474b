"""What a clinic does with its keys, typed as an administrator would type it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.key_commands import key_commands
from shared.clock import system_clock
from shared.database import Database
from shared.keys import KeyStore, make_trial_keys
from shared.settings import SERVICES, Settings
from shared.signing import fingerprint_of
from shared.vault import KeyBase, Vault

Run = Callable[..., Result]


def runner(home: Path, mode: str) -> Run:
    """Return what runs a ``discreet key`` command in this installation."""
    settings = Settings.from_environ({"DISCREET_MODE": mode, "DISCREET_HOME": str(home)})

    def run(*words: object, **how: object) -> Result:
        return CliRunner().invoke(key_commands, [str(word) for word in words], obj=lambda: settings, **how)

    return run


@pytest.fixture
def live(tmp_path: Path) -> Run:
    """Set up a clinic's machine."""
    return runner(tmp_path / "home", "live")


@pytest.fixture
def trial(tmp_path: Path) -> Run:
    """Set up a trial, with its keys."""
    make_trial_keys(tmp_path / "home" / "keys", SERVICES)
    return runner(tmp_path / "home", "trial")


def said(result: Result) -> str:
    """Return what a command that went well printed."""
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.output


def test_a_clinic_makes_splits_and_recovers_its_root_key_and_begins(live: Run, tmp_path: Path) -> None:
    """From nothing to a running set of keys, with the root key never on the server as a file."""
    stick, home = tmp_path / "stick", tmp_path / "home"
    fingerprint = said(live("make-root", "--out", stick)).splitlines()[-1]
    shares = [Path(line) for line in said(live("split", stick / "root.pem", "--out", stick)).splitlines()[:3]]
    (stick / "root.pem").unlink()
    for share in shares:
        share.chmod(0o755)  # as a stick shows every file
    two = ["--share", shares[2], "--share", shares[0]]
    assert "10 keys are on roster 1" in said(live("make", *two))
    assert said(live("fingerprint")).strip() == fingerprint
    assert not (home / "keys" / "root.pem").exists()
    assert KeyStore(home / "keys").for_service("newsletter").refs
    recovered = said(live("recover", *shares[1:], "--out", tmp_path / "other")).splitlines()[-1]
    assert recovered == fingerprint
    assert said(live("make", "--root", tmp_path / "other" / "root.pem"))


def test_in_live_the_root_key_must_be_at_hand(live: Run, tmp_path: Path) -> None:
    """Even if it lies beside the other keys, where it should not be, it is not used unasked."""
    root = said(live("make-root", "--out", tmp_path / "home" / "keys")).split()[0]
    for command in (["make"], ["rotate-signing", "intake"], ["revoke", "0123456789abcdef"]):
        result = live(*command)
        assert result.exit_code == 2
        assert "--share FILE" in result.output
    assert live("make", "--root", root, "--share", root).exit_code == 2


def test_a_wrong_share_is_named_on_the_screen(live: Run, tmp_path: Path) -> None:
    """The holders see which of their papers to look at again; the root key is written nowhere."""
    said(live("make-root", "--out", tmp_path / "stick"))
    said(live("split", tmp_path / "stick" / "root.pem", "--out", tmp_path / "stick"))
    first, second = (tmp_path / "stick" / f"share-{number}-of-3.txt" for number in (1, 2))
    second.write_text(second.read_text().replace("words: ", "words: academic "))
    result = live("recover", first, second, "--out", tmp_path / "out")
    assert "number 2 is spoilt" in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_more_shares_than_there_are_cannot_be_asked_for(live: Run, tmp_path: Path) -> None:
    """A key split so could never be put together again."""
    said(live("make-root", "--out", tmp_path))
    assert live("split", tmp_path / "root.pem", "--out", tmp_path, "--shares", 2, "--threshold", 3).exit_code == 2


@pytest.mark.parametrize(
    ("words", "holder", "purpose"),
    [
        (["intake"], "intake", "events"),
        (["intake", "--purpose", "claims"], "intake", "claims"),
        (["console"], "console", "staff-tokens"),
        (["command"], "command", "tool-tokens"),
    ],
)
def test_a_signing_key_is_replaced_and_listed(
    trial: Run, tmp_path: Path, words: list[str], holder: str, purpose: str
) -> None:
    """The new one is in use, the old one ends when the command said."""
    store = KeyStore(tmp_path / "home" / "keys")
    old = store.signing_key(holder, purpose)
    assert "within 2 hours" in said(trial("rotate-signing", *words, "--overlap-hours", 2))
    new = store.signing_key(holder, purpose)
    ends = store.roster().current().public_key(old.key_id).not_after
    assert abs(ends - datetime.now(UTC) - timedelta(hours=2)) < timedelta(minutes=1)
    listed = said(trial("list"))
    assert re.search(rf"{holder}\W+{purpose}\W+{old.key_id}.*valid", listed)
    assert re.search(rf"{holder}\W+{purpose}\W+{new.key_id}.*in use", listed)
    said(trial("revoke", old.key_id))
    assert old.key_id not in said(trial("list"))


def test_the_list_shows_no_secret(trial: Run, tmp_path: Path) -> None:
    """Ids and times only."""
    listed = said(trial("list"))
    for path in (tmp_path / "home" / "keys").rglob("*.json"):
        for secret in re.findall(r'"([A-Za-z0-9+/]{43}=)"', path.read_text()):
            assert secret not in listed or "roster" in path.name


def test_a_master_key_is_replaced_and_every_record_opens_as_before(trial: Run, tmp_path: Path) -> None:
    """Asked first, since older backups of the key database are lost with it."""
    keys = KeyStore(tmp_path / "home" / "keys")
    settings = Settings.from_environ({"DISCREET_MODE": "trial", "DISCREET_HOME": str(tmp_path / "home")})
    database = Database(settings.key_database_url("intake"))
    database.file.parent.mkdir(parents=True)
    KeyBase.metadata.create_all(database.engine())
    vault = Vault(database, keys.for_service("intake").masters, "intake", system_clock)
    sealed = vault.seal("1", {"name": "Jansen"})
    before = keys.ring("master", "intake")
    assert trial("rotate-master", "intake", input="n\n").exit_code == 1
    assert keys.ring("master", "intake") == before
    assert "8 data keys of intake" in said(trial("rotate-master", "intake", "--yes"))
    after = keys.ring("master", "intake")
    assert set(after.keys) == {after.current} != {before.current}
    assert vault.open("1", sealed) == {"name": "Jansen"}
    assert vault.open("2", vault.seal("2", {"name": "Smit"})) == {"name": "Smit"}
    database.close()


def test_the_fingerprint_is_of_the_public_key_that_is_used(trial: Run, tmp_path: Path) -> None:
    """Printed from the key itself and not from the file beside it."""
    (tmp_path / "home" / "keys" / "root.fingerprint").write_text("0000")
    store = KeyStore(tmp_path / "home" / "keys")
    assert said(trial("fingerprint")).strip() == fingerprint_of(store.root_public_key())


def test_a_holder_who_lost_a_share_is_given_a_new_one_by_the_other_two(live: Run, tmp_path: Path) -> None:
    """The drill: whichever share is lost, the root key is the same, and the lost one fits none of the new ones."""
    stick = tmp_path / "stick"
    fingerprint = said(live("make-root", "--out", stick)).splitlines()[-1]
    old = [Path(line) for line in said(live("split", stick / "root.pem", "--out", stick)).splitlines()[:3]]
    for lost in old:
        left = [share for share in old if share != lost]
        drill = tmp_path / f"drill-{lost.stem}"
        assert said(live("recover", *left, "--out", drill)).splitlines()[-1] == fingerprint
    new = [Path(line) for line in said(live("split", drill / "root.pem", "--out", tmp_path / "new")).splitlines()[:3]]
    (drill / "root.pem").unlink()
    assert said(live("recover", new[0], new[2], "--out", tmp_path / "again")).splitlines()[-1] == fingerprint
    mixed = live("recover", old[0], new[1], "--out", tmp_path / "mixed")
    assert mixed.exit_code != 0
    assert not (tmp_path / "mixed" / "root.pem").exists()
    assert live("recover", new[0], "--out", tmp_path / "mixed").exit_code != 0
