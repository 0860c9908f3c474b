"""The environment as an installation sets it: what is secret stands in files, and nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from shared.settings import Settings

LIVE = {"DISCREET_MODE": "live"}
DATABASE = "postgresql://discreet_{service}@postgres/discreet_{service}"


def test_a_password_from_a_file_goes_into_every_url_of_its_account(tmp_path: Path):
    """The same environment fits every service, and only the file is secret, whatever characters are in it."""
    secret = tmp_path / "password"
    secret.write_text("a/b@c:d\n")
    settings = Settings.from_environ(
        LIVE
        | {
            "DISCREET_DATABASE_URL": DATABASE,
            "DISCREET_KEY_DATABASE_URL": f"{DATABASE}_keys",
            "DISCREET_DATABASE_PASSWORD_FILE": str(secret),
            "DISCREET_AMQP_URL": "amqp://svc-{service}@rabbitmq/%2F",
            "DISCREET_AMQP_PASSWORD": "plain",
        }
    )
    account = "postgresql://discreet_intake:a%2Fb%40c%3Ad@postgres/discreet_intake"
    assert settings.database_url("intake") == account
    assert settings.key_database_url("intake") == f"{account}_keys"
    assert settings.amqp_url == "amqp://svc-{service}:plain@rabbitmq/%2F"


@pytest.mark.parametrize("url", ["postgresql://postgres/x", "postgresql://me:secret@postgres/x"])
def test_a_password_that_has_no_place_in_its_url_stops_the_start(url: str):
    """Two passwords, or an account that is not named: nobody can tell which was meant."""
    with pytest.raises(ConfigurationError, match="DISCREET_DATABASE_URL"):
        Settings.from_environ(LIVE | {"DISCREET_DATABASE_URL": url, "DISCREET_DATABASE_PASSWORD": "x"})


def test_a_secret_is_given_once(tmp_path: Path):
    """Both the value and the file is a mistake; a file that is not there is named."""
    both = {"DISCREET_SMTP_URL": "smtps://mail", "DISCREET_SMTP_URL_FILE": str(tmp_path / "smtp")}
    with pytest.raises(ConfigurationError, match="not both"):
        Settings.from_environ(LIVE | both)
    with pytest.raises(ConfigurationError, match="DISCREET_SMTP_URL_FILE"):
        Settings.from_environ(LIVE | {"DISCREET_SMTP_URL_FILE": str(tmp_path / "smtp")})
