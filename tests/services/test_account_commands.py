"""``discreet account``: who may sign in, said on the command line and never with a password in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from services.account_commands import account_commands
from services.console.passwords import is_password
from services.console.records import AccountStore
from shared.errors import ConflictError, NotFoundError
from shared.settings import Settings

PASSWORD = "correct horse battery"
TWICE = f"{PASSWORD}\n{PASSWORD}\n"


@pytest.fixture
def store(tmp_path: Path) -> AccountStore:
    """Return the accounts the commands work on."""
    return AccountStore(tmp_path / "console")


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Result]:
    """Return what runs a command as somebody types it."""
    settings = Settings.from_environ({"DISCREET_MODE": "live", "DISCREET_HOME": str(tmp_path)})

    def typed(*words: str, answers: str = "") -> Result:
        return CliRunner().invoke(account_commands, words, input=answers, obj=lambda: settings)

    return typed


def test_an_account_is_made_with_a_password_that_is_asked_for(run, store):
    """It is shown nowhere, and stands in no history of commands."""
    done = run("add", "anna", "--role", "physician", "--role", "fg", "--big", "12345678901", answers=TWICE)
    assert done.exit_code == 0, done.output
    assert PASSWORD not in done.output
    account = store.find("anna")
    assert account.roles == ("fg", "physician")
    assert (account.secrecy.kind, account.secrecy.reference) == ("professional", "12345678901")
    assert account.kind == "staff"
    assert is_password(PASSWORD, account.password_hash)


def test_p40_p41_no_account_without_what_binds_its_owner(run, store):
    """A BIG number or a contract, one of them."""
    assert run("add", "anna", "--role", "fg", answers=TWICE).exit_code == 2
    assert run("add", "anna", "--role", "fg", "--big", "12345678901", "--contract", "x", answers=TWICE).exit_code == 2
    refused = run("add", "anna", "--role", "fg", "--big", "123", answers=TWICE)
    assert refused.exit_code == 1
    assert "A BIG number has 11 digits." in refused.output
    assert store.all() == []


def test_a_contract_may_have_an_end(run, store):
    """Its last day, after which nobody signs in with it."""
    run("add", "anna", "--role", "fg", "--contract", "2026-17", "--until", "2027-01-31", answers=TWICE)
    assert str(store.find("anna").secrecy.ends_on) == "2027-01-31"


def test_two_passwords_that_differ_make_no_account(run, store):
    """Nor does one that is easily guessed."""
    assert run("add", "anna", "--role", "fg", "--contract", "x", answers="one\ntwo\n").exit_code == 1
    refused = run("add", "anna", "--role", "fg", "--contract", "x", answers="short\nshort\n")
    assert "Use 12 to 200 characters." in refused.output
    assert store.all() == []


def test_the_list_says_who_may_sign_in_and_why_not(run, store):
    """Roles, secrecy basis and state; no hash."""
    run("add", "anna", "--role", "fg", "--contract", "2026-17", answers=TWICE)
    run("add", "bea", "--role", "front-desk", "--contract", "2020-1", "--until", "2020-12-31", answers=TWICE)
    assert run("disable", "anna").exit_code == 0
    lines = run("list").output.splitlines()
    assert any("anna" in line and "closed" in line for line in lines)
    assert any("bea" in line and "front-desk" in line and "2020-1" in line for line in lines)
    assert not any("argon2" in line for line in lines)


def test_a_new_password_takes_the_place_of_the_old_one(run, store):
    """And is asked for as well."""
    run("add", "anna", "--role", "fg", "--contract", "2026-17", answers=TWICE)
    new = "another battery horse"
    assert run("set-password", "anna", answers=f"{new}\n{new}\n").exit_code == 0
    assert is_password(new, store.find("anna").password_hash)


def test_what_cannot_be_done_is_an_error_of_ours(run):
    """Which the command shows in one line."""
    run("add", "anna", "--role", "fg", "--contract", "2026-17", answers=TWICE)
    again = run("add", "anna", "--role", "fg", "--contract", "2026-17", answers=TWICE)
    assert isinstance(again.exception, ConflictError)
    assert isinstance(run("disable", "nobody").exception, NotFoundError)
    assert isinstance(run("set-password", "nobody").exception, NotFoundError)
