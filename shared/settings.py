"""The environment, read once: the only module that knows the names of its variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, cast
from urllib.parse import quote

from shared.clock import Clock, file_clock, system_clock
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

Mode = Literal["trial", "live"]
SERVICES = ("intake", "dossier", "newsletter", "requests")
CONFIG = Path("deploy") / "config"
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One installation's settings; paths are absolute, URLs carry no trailing slash.

    ``smtp_tokens`` are settings of ``shared.mail.tokens`` by their names, those that are said.
    """

    mode: Mode
    home: Path
    keys: Path
    journal: Path
    processors: Path
    policy: Path
    port: int
    public_url: str
    service_url_template: str
    database_url_template: str | None = field(repr=False)
    key_database_url_template: str | None = field(repr=False)
    amqp_url: str | None = field(repr=False)
    smtp_url: str | None = field(repr=False)
    smtp_tokens: tuple[tuple[str, str], ...] = field(repr=False)
    clock_file: Path | None

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the variables of the contract; an empty one is not set, and a secret may also come as ``NAME_FILE``.

        Raises ConfigurationError that names the variable and what it should hold.
        """
        mode = _mode(environ)
        home = _path(environ, "DISCREET_HOME", Path("var").resolve())
        port = _port(environ)
        origin = f"http://127.0.0.1:{port}"
        register = "processors.trial.yaml" if mode == "trial" else "processors.yaml"
        return cls(
            mode=mode,
            home=home,
            keys=_path(environ, "DISCREET_KEYS", home / "keys"),
            journal=_path(environ, "DISCREET_JOURNAL", home / "journal"),
            processors=_path(environ, "DISCREET_PROCESSORS", ROOT / CONFIG / register),
            policy=_path(environ, "DISCREET_POLICY", ROOT / CONFIG / "policy.yaml"),
            port=port,
            public_url=(environ.get("DISCREET_PUBLIC_URL") or origin).rstrip("/"),
            service_url_template=(environ.get("DISCREET_SERVICE_URL") or origin).rstrip("/"),
            database_url_template=_url(environ, "DISCREET_DATABASE_URL", "DISCREET_DATABASE_PASSWORD"),
            key_database_url_template=_url(environ, "DISCREET_KEY_DATABASE_URL", "DISCREET_DATABASE_PASSWORD"),
            amqp_url=_url(environ, "DISCREET_AMQP_URL", "DISCREET_AMQP_PASSWORD"),
            smtp_url=_secret(environ, "DISCREET_SMTP_URL"),
            smtp_tokens=_smtp_tokens(environ),
            clock_file=_clock_file(environ),
        )

    @property
    def embedded(self) -> bool:
        """Whether this installation runs without a broker: the same program with another mover."""
        return self.amqp_url is None

    @property
    def clock(self) -> Clock:
        """The clock that terms and deadlines go by."""
        return system_clock if self.clock_file is None else file_clock(self.clock_file)

    def database_url(self, service: str) -> str:
        """Return the SQLAlchemy URL of a service's database."""
        if self.database_url_template is not None:
            return self.database_url_template.replace("{service}", service)
        return f"sqlite:///{self.home / 'data' / service}.sqlite3"

    def key_database_url(self, service: str) -> str:
        """Return the SQLAlchemy URL of the database that holds a service's data keys."""
        if self.key_database_url_template is not None:
            return self.key_database_url_template.replace("{service}", service)
        return f"sqlite:///{self.home / 'data-keys' / service}.sqlite3"

    def service_url(self, service: str) -> str:
        """Return the origin under which the other services reach ``service``; paths start with its name."""
        return self.service_url_template.replace("{service}", service)


def _mode(environ: Mapping[str, str]) -> Mode:
    mode = environ.get("DISCREET_MODE", "")
    if mode not in ("trial", "live"):
        raise ConfigurationError("Set DISCREET_MODE: 'trial' on a system that ./run started, 'live' on a clinic's.")
    return cast("Mode", mode)


def _port(environ: Mapping[str, str]) -> int:
    text = environ.get("DISCREET_PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ConfigurationError("DISCREET_PORT must be a port number.")
    return int(text)


def _path(environ: Mapping[str, str], name: str, default: Path) -> Path:
    return Path(environ[name]).resolve() if environ.get(name) else default


def _secret(environ: Mapping[str, str], name: str) -> str | None:
    """Return ``name``, or the content of the file that ``name_FILE`` points to; both at once is an error."""
    value, path = environ.get(name), environ.get(f"{name}_FILE")
    if value and path:
        raise ConfigurationError(f"Set {name} or {name}_FILE, not both.")
    if not path:
        return value or None
    try:
        secret = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The file of {name}_FILE cannot be read.") from error
    if not secret:
        raise ConfigurationError(f"The file of {name}_FILE is empty.")
    return secret


def _url(environ: Mapping[str, str], name: str, password_name: str) -> str | None:
    """Return a URL with the password that stands elsewhere: so it lies in one file, and where to connect in none."""
    url, password = _secret(environ, name), _secret(environ, password_name)
    if url is None or password is None:
        return url
    scheme, _, rest = url.partition("://")
    account, at, place = rest.partition("@")
    if not at or ":" in account:
        raise ConfigurationError(f"With {password_name}, {name} names an account without a password: …://account@host.")
    return f"{scheme}://{account}:{quote(password, safe='')}@{place}"


def _smtp_tokens(environ: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return what tokens for the mail server are asked with; what is secret of it may come as ``NAME_FILE``."""
    said = {name: environ.get(f"DISCREET_SMTP_{name.upper()}") for name in ("token_url", "client_id", "scope")}
    said |= {name: _secret(environ, f"DISCREET_SMTP_{name.upper()}") for name in ("client_secret", "refresh_token")}
    return tuple((name, value) for name, value in said.items() if value)


def _clock_file(environ: Mapping[str, str]) -> Path | None:
    path = environ.get("DISCREET_CLOCK_FILE")
    if not path:
        return None
    if environ.get("DISCREET_TESTING") != "1":
        raise ConfigurationError("DISCREET_CLOCK_FILE is refused unless DISCREET_TESTING=1.")
    return Path(path).resolve()
