"""The environment: every variable of the contract, and what is refused before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from shared.errors import ConfigurationError
from shared.settings import ROOT, SERVICES, Settings

SECRETS = (
    "DISCREET_DATABASE_URL",
    "DISCREET_KEY_DATABASE_URL",
    "DISCREET_AMQP_URL",
    "DISCREET_SMTP_URL",
    "DISCREET_SMTP_CLIENT_SECRET",
    "DISCREET_SMTP_REFRESH_TOKEN",
)


def settings(mode: str = "trial", **variables: str) -> Settings:
    """The settings of an environment; names without their prefix."""
    named = {f"DISCREET_{name}": value for name, value in variables.items()}
    return Settings.from_environ({"DISCREET_MODE": mode, **named})


@pytest.mark.parametrize("environ", [{}, {"DISCREET_MODE": ""}, {"DISCREET_MODE": "LIVE"}, {"DISCREET_MODE": "test"}])
def test_the_mode_must_be_said(environ: dict[str, str]) -> None:
    """Nobody runs a trial, or the real thing, by leaving something out."""
    with pytest.raises(ConfigurationError, match="DISCREET_MODE"):
        Settings.from_environ(environ)


def test_with_the_mode_alone_everything_lies_under_the_home() -> None:
    """The defaults of the contract."""
    made = settings("live")
    home = Path("var").resolve()
    assert (made.mode, made.home, made.keys, made.journal) == ("live", home, home / "keys", home / "journal")
    assert (made.port, made.public_url) == (8000, "http://127.0.0.1:8000")
    assert made.processors == ROOT / "deploy" / "config" / "processors.yaml"
    assert made.policy == ROOT / "deploy" / "config" / "policy.yaml"
    assert made.embedded
    assert made.smtp_url is made.clock_file is None
    assert made.database_url("intake") == f"sqlite:///{home}/data/intake.sqlite3"
    assert made.key_database_url("intake") == f"sqlite:///{home}/data-keys/intake.sqlite3"
    assert made.service_url("requests") == "http://127.0.0.1:8000"


def test_a_trial_has_a_register_of_its_own() -> None:
    """Its processors are played by the sandbox."""
    assert settings("trial").processors == ROOT / "deploy" / "config" / "processors.trial.yaml"


@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        ("HOME", "/srv/discreet", "home", Path("/srv/discreet")),
        ("KEYS", "/mnt/keys", "keys", Path("/mnt/keys")),
        ("JOURNAL", "/mnt/journal", "journal", Path("/mnt/journal")),
        ("PROCESSORS", "/etc/processors.yaml", "processors", Path("/etc/processors.yaml")),
        ("POLICY", "/etc/policy.yaml", "policy", Path("/etc/policy.yaml")),
        ("PORT", "8080", "port", 8080),
        ("PUBLIC_URL", "https://kliniek.example/", "public_url", "https://kliniek.example"),
        ("AMQP_URL", "amqp://mq/", "amqp_url", "amqp://mq/"),
        ("SMTP_URL", "smtp://mail", "smtp_url", "smtp://mail"),
        ("SMTP_TOKEN_URL", "https://login/t", "smtp_tokens", (("token_url", "https://login/t"),)),
        ("SMTP_CLIENT_ID", "app", "smtp_tokens", (("client_id", "app"),)),
        ("SMTP_SCOPE", "mail", "smtp_tokens", (("scope", "mail"),)),
        ("SMTP_CLIENT_SECRET", "x", "smtp_tokens", (("client_secret", "x"),)),
        ("SMTP_REFRESH_TOKEN", "x", "smtp_tokens", (("refresh_token", "x"),)),
    ],
)
def test_each_variable_of_the_contract_is_heard(name: str, value: str, field: str, expected: Any) -> None:
    """One variable, one setting."""
    assert getattr(settings(**{name: value}), field) == expected


def test_a_url_has_a_place_for_the_service() -> None:
    """Each service its own database, key database and address."""
    made = settings(
        DATABASE_URL="postgresql://db/{service}",
        KEY_DATABASE_URL="postgresql://keys/{service}_keys",
        SERVICE_URL="http://{service}:8000/",
    )
    assert [made.database_url(name) for name in SERVICES] == [f"postgresql://db/{name}" for name in SERVICES]
    assert made.key_database_url("intake") == "postgresql://keys/intake_keys"
    assert made.service_url("intake") == "http://intake:8000"


def test_a_broker_makes_it_distributed() -> None:
    """The same program with another mover."""
    assert settings().embedded
    assert not settings(AMQP_URL="amqp://mq/").embedded


def test_the_port_decides_the_addresses_that_are_not_said() -> None:
    """Another port is another origin."""
    made = settings(PORT="9001")
    assert (made.public_url, made.service_url("intake")) == ("http://127.0.0.1:9001", "http://127.0.0.1:9001")


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80 80"])
def test_a_port_is_a_port(port: str) -> None:
    """Said at the start, not by whatever fails later."""
    with pytest.raises(ConfigurationError, match="DISCREET_PORT"):
        settings(PORT=port)


@pytest.mark.parametrize(
    "name", ["HOME", "KEYS", "JOURNAL", "PROCESSORS", "POLICY", "PORT", "PUBLIC_URL", "SERVICE_URL", "CLOCK_FILE"]
)
def test_an_empty_variable_is_one_that_is_not_set(name: str) -> None:
    """As compose files leave them when nobody filled them in."""
    assert settings(**{name: ""}) == settings()


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_come_from_a_file(name: str, tmp_path: Path) -> None:
    """So that it stands in no process list and no compose file; the line's end does not belong to it."""
    file = tmp_path / "secret"
    file.write_text("postgresql://discreet:geheim@db/{service}\n")
    said = Settings.from_environ({"DISCREET_MODE": "live", name: "postgresql://discreet:geheim@db/{service}"})
    assert Settings.from_environ({"DISCREET_MODE": "live", f"{name}_FILE": str(file)}) == said
    assert said != settings("live")


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_said_twice_is_refused(name: str, tmp_path: Path) -> None:
    """Nobody should have to know which one wins."""
    file = tmp_path / "secret"
    file.write_text("x")
    with pytest.raises(ConfigurationError, match=f"{name} or {name}_FILE"):
        Settings.from_environ({"DISCREET_MODE": "live", name: "x", f"{name}_FILE": str(file)})


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_secret_s_file_must_be_there_and_hold_it(content: bytes | None, tmp_path: Path) -> None:
    """An empty file would quietly mean no broker: no message would ever leave."""
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError, match="DISCREET_AMQP_URL_FILE"):
        settings(AMQP_URL_FILE=str(file))


def test_settings_do_not_show_passwords_when_they_are_printed() -> None:
    """A traceback or a log may hold them."""
    urls = {name.removeprefix("DISCREET_"): "amqp://user:geheim@host/{service}" for name in SECRETS}
    assert "geheim" not in repr(settings(**urls))


@pytest.mark.parametrize("testing", [None, "0", "yes"])
def test_a_clock_file_is_refused_outside_tests(testing: str | None, tmp_path: Path) -> None:
    """Whoever could set a clinic's clock could end every term."""
    more = {} if testing is None else {"TESTING": testing}
    with pytest.raises(ConfigurationError, match="DISCREET_TESTING=1"):
        settings(CLOCK_FILE=str(tmp_path / "now"), **more)


def test_a_clock_file_stands_for_now_in_tests(tmp_path: Path) -> None:
    """Terms can be tried."""
    file = tmp_path / "now"
    file.write_text("2031-01-01T00:00:00Z")
    assert settings(CLOCK_FILE=str(file), TESTING="1").clock().year == 2031


ACCOUNT = "postgresql://discreet_{service}@postgres/discreet_{service}"


def test_a_password_from_a_file_goes_into_every_url_of_its_account(tmp_path: Path) -> None:
    """The same environment fits every service, and only the file is secret, whatever characters are in it."""
    secret = tmp_path / "password"
    secret.write_text("a/b@c:d\n")
    made = settings(
        DATABASE_URL=ACCOUNT,
        KEY_DATABASE_URL=f"{ACCOUNT}_keys",
        DATABASE_PASSWORD_FILE=str(secret),
        AMQP_URL="amqp://svc-{service}@rabbitmq/%2F",
        AMQP_PASSWORD="plain",
    )
    account = "postgresql://discreet_intake:a%2Fb%40c%3Ad@postgres/discreet_intake"
    assert made.database_url("intake") == account
    assert made.key_database_url("intake") == f"{account}_keys"
    assert made.amqp_url == "amqp://svc-{service}:plain@rabbitmq/%2F"


@pytest.mark.parametrize("url", ["postgresql://postgres/x", "postgresql://me:secret@postgres/x"])
def test_a_password_that_has_no_place_in_its_url_stops_the_start(url: str) -> None:
    """Two passwords, or an account that is not named: nobody can tell which was meant."""
    with pytest.raises(ConfigurationError, match="DISCREET_DATABASE_URL"):
        settings(DATABASE_URL=url, DATABASE_PASSWORD="x")
