"""A service that sends mail, on real databases, with a clock the test turns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
import yaml

from shared.mail import Mailer, OutgoingMail, outgoing_mails, send_due
from tests.kit.installation import Hands, Installation, bare_service
from tests.servers.mail import Certificate, make_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.mail.transports import Transport
    from shared.service import Tools


@dataclass
class Office:
    """The service, and what a test does with its mail."""

    tools: Tools
    clock: Hands

    def use(self, transport: Transport | None, mode: str = "trial") -> None:
        """Send by another way from now on, in a trial or live."""
        settings = replace(self.tools.settings, mode=mode)  # type: ignore[arg-type]
        mailer = Mailer(settings, self.tools.policy, self.tools.vault, transport)
        self.tools = replace(self.tools, mail=mailer)

    def queue(self, *, mail_id: str | None = None, **parts: Any) -> str:
        """Queue a mail in a transaction of its own."""
        with self.tools.database.transaction() as session:
            return self.tools.mail.queue(session, mail(**parts), now=self.clock(), mail_id=mail_id)

    def send(self) -> bool:
        """Send what is due now."""
        return send_due(self.tools, self.clock())

    def send_all(self) -> None:
        """Send until nothing is due now."""
        while self.send():
            pass

    def rows(self) -> list[Any]:
        """Return the mails as they are stored."""
        with self.tools.database.reading() as session:
            return list(session.execute(sa.select(outgoing_mails).order_by(outgoing_mails.c.created_at)).mappings())

    def row(self) -> Any:
        """Return the only one."""
        (row,) = self.rows()
        return row


def mail(**parts: Any) -> OutgoingMail:
    """Return a mail, with what the test says of it."""
    usual = {
        "reason": "service",
        "about": "form-1",
        "to": "anna@people.example",
        "subject": "Uw bericht",
        "text": "Wij hebben uw bericht ontvangen.\n",
    }
    return OutgoingMail(**usual | parts)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Give a service on SQLite with an empty register."""
    yield from _office(tmp_path, {})


@pytest.fixture(params=["sqlite", "postgresql"])
def either_office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    """Give a service on each of the two databases in turn."""
    environ = {}
    if request.param == "postgresql":
        postgres_url = request.getfixturevalue("postgres_url")
        environ = {"DISCREET_DATABASE_URL": postgres_url(), "DISCREET_KEY_DATABASE_URL": postgres_url()}
    yield from _office(tmp_path, environ)


def _office(tmp_path: Path, environ: dict[str, str]) -> Iterator[Office]:
    register = tmp_path / "processors.yaml"
    register.write_text(yaml.safe_dump({"processors": {}}), encoding="utf-8")
    installation = Installation(
        tmp_path / "home", {"intake": bare_service("intake")}, environ={"DISCREET_PROCESSORS": str(register), **environ}
    )
    yield Office(installation.tools["intake"], installation.clock)
    installation.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Give a certificate for a mail server on this machine."""
    return make_certificate(tmp_path_factory.mktemp("certificate"))
