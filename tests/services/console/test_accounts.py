"""Accounts on disk: for this program's eyes only, whole or not at all, and none of a trial in live."""

from __future__ import annotations

import stat
import threading
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from msgspec import structs

from services.console.accounts import ensure_trial_accounts, trial_accounts_file
from services.console.actions import add_account, close_account, make_password, set_password
from services.console.passwords import is_password
from services.console.records import AccountStore, Secrecy
from services.console.rules import check_password
from services.console.service import assemble, directory_of
from shared.errors import ConfigurationError, ConflictError, InvalidInputError, NotFoundError
from shared.keys import make_trial_keys
from shared.settings import SERVICES, Settings

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CONTRACT = Secrecy(kind="contract", reference="2026-17", ends_on=date(2027, 1, 1))
PASSWORD = "correct horse battery"


@pytest.fixture
def store(tmp_path: Path) -> AccountStore:
    """Return an empty store."""
    return AccountStore(tmp_path / "console")


@pytest.fixture
def fresh(tmp_path: Path) -> Settings:
    """Return a trial's settings with keys and no accounts."""
    settings = Settings.from_environ({"DISCREET_MODE": "trial", "DISCREET_HOME": str(tmp_path)})
    make_trial_keys(settings.keys, SERVICES)
    return settings


def add(store: AccountStore, name: str, **changed):
    """Add an account of a physician."""
    asked = {"display_name": "", "roles": ["physician"], "secrecy": CONTRACT, "password": PASSWORD, "now": NOW}
    return add_account(store, name=name, **{**asked, **changed})


def test_an_account_comes_back_as_it_was_made(store):
    """All of it, the password only as a hash of Argon2id."""
    made = add(store, "anna", display_name="Anna B.", roles=["physician", "privacy-coordinator"])
    assert AccountStore(store.directory).find("anna") == made
    assert made.roles == ("physician", "privacy-coordinator")
    assert made.password_hash.startswith("$argon2id$")
    assert PASSWORD not in (store.directory / "accounts.json").read_text()


def test_the_file_is_for_its_owner_only(store):
    """And once others can read it, it is not believed any more."""
    add(store, "anna")
    path = store.directory / "accounts.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        store.all()


def test_a_damaged_file_is_not_taken_for_no_accounts(store):
    """Nor does the error repeat what stands in it."""
    add(store, "anna")
    (store.directory / "accounts.json").write_text('{"accounts": [{"name": "secret"}]}')
    with pytest.raises(ConfigurationError) as caught:
        store.find("anna")
    assert "secret" not in str(caught.value)


def test_a_name_is_given_once_even_after_its_account_closed(store):
    """Decisions of years ago carry the name: it must not come to mean somebody else."""
    add(store, "anna")
    close_account(store, "anna", NOW)
    with pytest.raises(ConflictError):
        add(store, "anna")


def test_p40_no_account_without_a_secrecy_basis(store):
    """Nothing is written when the basis is missing."""
    with pytest.raises(InvalidInputError):
        add(store, "anna", secrecy=Secrecy(kind="contract", reference=""))
    assert store.all() == []


def test_accounts_made_at_once_are_all_there(store):
    """Two administrators at the same moment do not overwrite each other."""
    first = add(store, "anna")
    others = [structs.replace(first, name=f"somebody-{number}") for number in range(8)]
    threads = [threading.Thread(target=store.add, args=(account,)) for account in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {account.name for account in store.all()} == {"anna", *(account.name for account in others)}


def test_nobody_signs_in_to_an_account_that_is_not_there():
    """Not even with the words whose hash stands in for a password there, so that it takes as long."""
    assert not is_password("of an account that is not there", None)
    assert not is_password("", "no hash at all")


def test_a_new_password_and_a_closed_account_change_the_stamp(store):
    """Sessions hold the stamp: they end with it."""
    first = add(store, "anna")
    set_password(store, "anna", "another battery horse")
    second = store.find("anna")
    close_account(store, "anna", NOW)
    third = store.find("anna")
    assert len({first.stamp, second.stamp, third.stamp}) == 3
    assert is_password("another battery horse", second.password_hash)
    assert not is_password(PASSWORD, second.password_hash)
    assert third.disabled_at == NOW


def test_who_is_not_there_gets_no_password(store):
    """A slip in the name makes no account."""
    with pytest.raises(NotFoundError):
        set_password(store, "nobody", PASSWORD)


def test_a_trial_makes_its_accounts_once(fresh):
    """One for each role the pages know; the second start makes none and changes no password."""
    made = dict(ensure_trial_accounts(fresh))
    assert set(made) == {"privacy-coordinator", "physician", "front-desk", "fg"}
    accounts = {account.name: account for account in AccountStore(directory_of(fresh)).all()}
    assert all(is_password(password, accounts[name].password_hash) for name, password in made.items())
    assert all(account.roles == (name,) and account.kind == "trial" for name, account in accounts.items())
    assert ensure_trial_accounts(fresh) == []
    path = trial_accounts_file(fresh)
    assert dict(line.split() for line in path.read_text().splitlines()) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_passwords_of_a_trial_are_not_guessed():
    """Sixteen characters by chance; never the same twice."""
    assert len({make_password() for _ in range(100)}) == 100


@pytest.mark.parametrize("password", ["vfg8-5r23-fcfw-9kqt", "een fg-paraplu"])
def test_a_short_name_may_stand_in_a_password_by_chance(password):
    """Two letters give nothing away, and a trial's password is drawn without looking at whose it is."""
    check_password("fg", password)


@pytest.mark.parametrize(
    "password", ["privacy-coordinator", "privacy-coordinator1", "Anna.Bakkers!", "fgfgfgfgfgfgfgfg-fg"]
)
def test_the_rest_of_a_password_with_the_name_in_it_must_be_long_enough(password):
    """Whoever guesses begins with the name."""
    name = next(name for name in ("privacy-coordinator", "anna.bakker", "fg") if name in password.lower())
    with pytest.raises(InvalidInputError):
        check_password(name, password)


def test_live_makes_and_bears_no_trial_accounts(fresh):
    """A home that was tried out is not opened to the world with passwords that stood on a screen."""
    live = replace(fresh, mode="live")
    with pytest.raises(ConfigurationError):
        ensure_trial_accounts(live)
    assemble(live)
    ensure_trial_accounts(fresh)
    with pytest.raises(ConfigurationError, match="trial accounts"):
        assemble(live)
