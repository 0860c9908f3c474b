"""A clinic with every service over HTTP: who writes to it or reports a weakness, and its staff."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services import registry
from services.web import service_mount
from shared.auth import issue_token
from shared.events import RecordRef
from shared.keys import KeyStore
from shared.mail import MailFolder, send_due
from shared.propagation import decisions
from shared.settings import SERVICES
from shared.web.app import build_app
from tests.kit.installation import Installation, told_only_what_they_had

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from shared.mail import StoredMail
    from shared.service import Tools

REPORT = {"message": "Dossier 12 staat open op internet.", "place": "https://clinic.example/uploads/12", "name": "Wim"}
FORM = {"name": "Anna Jansen", "email": "Anna@Voorbeeld.example", "message": "Graag een afspraak over mijn lippen."}
FORMS = "/intake/v1/contact-forms"
REPORTER = "wim@voorbeeld.example"
REPORTS = "/intake/v1/security-reports"
INCIDENTS = "/requests/v1/incidents"
CLOSING = {"found": "weakness", "measures": "Map dichtgezet; niemand keek erin."}


@dataclass
class House:
    """One installation, and calls as anybody."""

    installation: Installation
    client: FlaskClient
    keys: KeyStore = field(repr=False)

    @property
    def clock(self):
        return self.installation.clock

    @property
    def intake(self) -> Tools:
        return self.installation.tools["intake"]

    @property
    def requests(self) -> Tools:
        return self.installation.tools["requests"]

    def report(self, **fields: object) -> str:
        """Report something; return what the reporter was told."""
        answer = self.client.post(REPORTS, json=REPORT | fields)
        assert answer.status_code == 202, answer.json
        self.installation.settle()
        return answer.json["reference"]

    def form(self, **fields: object) -> str:
        """Send a contact form; return its id."""
        answer = self.client.post(FORMS, json=FORM | fields)
        assert answer.status_code == 202, answer.json
        quarantined = "?quarantined=true" if "website" in fields else ""
        listed = self.get(f"{FORMS}{quarantined}", "front-desk").json["items"]
        return next(each["id"] for each in listed if each["reference"] == answer.json["reference"])

    def erase(self, service: str, category: str, *records: str) -> None:
        """Have records of somebody erased, to the end."""
        self.decide(service, category, *records)
        self.installation.settle()

    def decide(self, service: str, category: str, *records: str) -> None:
        """Decide that records of somebody are erased; nobody has heard of it yet."""
        with self.requests.database.transaction() as session:
            decisions.take(
                session,
                self.requests,
                "erasure",
                decision_id=str(uuid.uuid4()),
                refs=(),
                ground="art. 17 AVG",
                decided_by="m.devries",
                now=self.clock(),
                records=[RecordRef(service=service, category=category, id=record) for record in records],
            )

    def get(self, path: str, *roles: str) -> TestResponse:
        """Read as a member of staff."""
        return self.client.get(path, headers=self.staff(path, roles))

    def post(self, path: str, body: Mapping[str, object], *roles: str, **headers: str) -> TestResponse:
        """Do something as a member of staff."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.post(path, json=body, headers=self.staff(path, roles) | named)

    def staff(self, path: str, roles: tuple[str, ...]) -> dict[str, str]:
        """Headers of a member of staff."""
        key, service = self.keys.signing_key("console", "staff-tokens"), path.split("/")[1]
        about = {"subject": "m.devries", "roles": roles or ("privacy-coordinator",), "audience": service}
        return {"Authorization": f"Bearer {issue_token(key.private_key, key.key_id, **about, now=self.clock())}"}

    def incidents(self, *, closed: bool = False) -> list[dict]:
        """The incidents there are, as the list shows them."""
        return self.get(f"{INCIDENTS}?closed={'true' if closed else 'false'}").json["items"]

    def mails(self) -> list[StoredMail]:
        """Every mail so far, oldest first."""
        for tools in self.installation.tools.values():
            while send_due(tools, self.clock()):
                pass
        return MailFolder(self.intake.settings.home / "mail").newest()[::-1]

    def run(self, job: str) -> None:
        """Do one of the requests service's timed jobs now, and what follows from it."""
        jobs = {each.name: each for each in self.installation.services["requests"].jobs}
        jobs[job].run(self.requests, self.clock())
        self.installation.settle()


@contextmanager
def open_house(home: Path, environ: Mapping[str, str] | None = None) -> Iterator[House]:
    """Put it together, on the databases that the environment names."""
    environ = {**told_only_what_they_had(home), **(environ or {})}
    installation = Installation(home, registry.load_all(), environ=environ)
    mounts = [service_mount(name, installation.tools[name]) for name in SERVICES]
    app = build_app(mounts, limits=None)
    yield House(installation, app.test_client(), KeyStore(installation.settings.keys))
    installation.close()
