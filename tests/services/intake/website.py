"""What visitors, staff and the clock do to the intake; the other services are the real ones, without their web side."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services import registry
from services.intake.records import ContactForm
from services.web import service_mount
from shared.auth import issue_token
from shared.keys import KeyStore
from shared.mail import MailFolder, send_due
from shared.propagation.tables import issued_decisions
from shared.web.app import build_app
from tests.kit.installation import Installation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from shared.mail import StoredMail
    from shared.service import Tools

BROWSER = {"Accept": "text/html,*/*;q=0.8"}
FORM = {"name": "Anna Jansen", "email": "anna@voorbeeld.example", "message": "Graag een afspraak over mijn lippen."}
SUBMIT = "/intake/v1/contact-forms"
HOST = "privacy@webhuis.example"
REGISTER = f"""
processors:
  website-host:
    name: Webhuis
    role: website-host
    owner: intake
    status: active
    adapter: by_hand
    receives: [{{category: contact-forms, fields: [name, email, phone, subject, message]}}]
    decisions: [erasure, term-end, correction, restriction]
    always: false
    agreement: {{signed: 2024-06-10, ends: null, sub_processors: []}}
    country: NL
    transfer_ground: none
    contact: {{name: W. Webhuis, email: {HOST}}}
    answer_within: P7D
"""
MAIL_HOST = """
  mail-host:
    name: Postkantoor
    role: mail-host
    owner: intake
    status: active
    adapter: by_hand
    receives: [{category: contact-forms, fields: [name, email, phone, subject, message]}]
    decisions: [erasure, term-end, correction, restriction]
    always: false
    agreement: {signed: 2024-06-10, ends: 2026-11-02, sub_processors: []}
    country: NL
    transfer_ground: none
    contact: {name: P. Post, email: privacy@postkantoor.example}
    answer_within: P7D
"""


@dataclass
class Website:
    """One installation, its intake, and who uses it."""

    installation: Installation
    client: FlaskClient
    _keys: KeyStore = field(repr=False)

    @property
    def tools(self) -> Tools:
        return self.installation.tools["intake"]

    @property
    def clock(self):
        return self.installation.clock

    def send(self, **fields: object) -> TestResponse:
        """Send the form as a site's server passes it on."""
        return self.client.post(SUBMIT, json=FORM | fields)

    def sent(self, **fields: object) -> str:
        """Send the form; return the id it got."""
        assert self.send(**fields).status_code == 202
        return self.rows()[-1].id

    def rows(self) -> list[ContactForm]:
        """Every form that is kept, oldest first."""
        with self.tools.database.reading() as session:
            return list(session.scalars(sa.select(ContactForm).order_by(ContactForm.received_at)))

    def count(self, service: str, table: str) -> int:
        """How many rows there are in a table of a service."""
        with self.installation.tools[service].database.reading() as session:
            return session.scalar(sa.select(sa.func.count()).select_from(sa.table(table)))

    def read(self, form: str, *roles: str) -> TestResponse:
        """Open a form as a member of staff."""
        return self.client.get(f"{SUBMIT}/{form}", headers=self.bearer(*(roles or ("front-desk",))))

    def bearer(self, *roles: str) -> dict[str, str]:
        """Headers of a member of staff."""
        key = self._keys.signing_key("console", "staff-tokens")
        return self._headers(key, "m.devries", roles)

    def service_token(self, name: str) -> dict[str, str]:
        """Headers of another service."""
        return self._headers(self._keys.signing_key(name, "claims"), name, ["service"])

    def _headers(self, key, subject, roles) -> dict[str, str]:
        about = {"subject": subject, "roles": roles, "audience": "intake", "now": self.clock()}
        return {"Authorization": f"Bearer {issue_token(key.private_key, key.key_id, **about)}"}

    def mails(self) -> list[StoredMail]:
        """Everything mailed so far, oldest first."""
        while send_due(self.tools, self.clock()):
            pass
        return MailFolder(self.tools.settings.home / "mail").newest()[::-1]

    def run_jobs(self) -> None:
        """Do all the intake's timed jobs now, and let what follows come to rest."""
        for job in self.installation.services["intake"].jobs:
            job.run(self.tools, self.clock())
        self.installation.settle()

    def decisions(self) -> list[str]:
        """The kinds of decision the intake took."""
        with self.tools.database.reading() as session:
            return list(session.scalars(sa.select(issued_decisions.c.type)))


@contextmanager
def open_website(home: Path, environ: Mapping[str, str] | None = None, *, limited: bool = False) -> Iterator[Website]:
    """Put it together; ``limited`` counts calls as a running system does, by its clock."""
    register = home / "processors.yaml"
    register.write_text(REGISTER)
    environ = {"DISCREET_PROCESSORS": str(register), **(environ or {})}
    installation = Installation(home, registry.load_all(), environ=environ)
    limits = installation.clock if limited else None
    app = build_app([service_mount("intake", installation.tools["intake"])], limits=limits)
    yield Website(installation, app.test_client(), KeyStore(installation.settings.keys))
    installation.close()
