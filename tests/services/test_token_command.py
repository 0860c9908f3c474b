"""`discreet token`: for people and tools, with a name that can stand wherever it will come to stand."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from services.cli import main
from shared.auth import verify_token
from shared.keys import KeyStore, make_trial_keys
from shared.settings import SERVICES, Settings


@pytest.fixture
def settings(tmp_path) -> Settings:
    """Make a trial's settings and keys."""
    made = Settings.from_environ({"DISCREET_MODE": "trial", "DISCREET_HOME": str(tmp_path)})
    make_trial_keys(made.keys, SERVICES)
    return made


def ask(settings: Settings, *words: str):
    """Type the command."""
    return CliRunner().invoke(
        main, ["token", *words], env={"DISCREET_MODE": "trial", "DISCREET_HOME": str(settings.home)}
    )


def test_a_token_is_printed_that_every_service_believes(settings) -> None:
    """For each of the roles that were asked for."""
    done = ask(settings, "--role", "fg", "--role", "tool", "--name", "k. de Vries")
    roster = KeyStore(settings.keys).roster().current()
    for service in SERVICES:
        principal = verify_token(done.output.strip(), audience=service, roster=roster, now=settings.clock())
        assert (principal.subject, principal.roles) == ("k. de Vries", {"fg", "tool"})


@pytest.mark.parametrize(
    "words",
    [
        ("--role", "service"),
        ("--role", "director"),
        ("--role", "fg", "--name", ""),
        ("--role", "fg", "--name", "k\nv"),
        ("--role", "fg", "--name", "k" * 101),
    ],
)
def test_what_no_service_would_believe_is_not_printed(settings, words) -> None:
    """A service speaks for itself only; a name ends up in logs and in records."""
    done = ask(settings, *words)
    assert done.exit_code == 2
    assert "ey" not in done.output.replace("they", "")
