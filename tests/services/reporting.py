"""A clinic whose intake and requests service are over HTTP: who reports a weakness, and who looks into it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services import registry
from services.web import service_mount
from shared.auth import issue_token
from shared.keys import KeyStore
from shared.mail import MailFolder, send_due
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

    def get(self, path: str, *roles: str) -> TestResponse:
        """Read as a member of staff."""
        return self.client.get(path, headers=self.staff(path, roles))

    def post(self, path: str, body: Mapping[str, object], *roles: str) -> TestResponse:
        """Do something as a member of staff."""
        return self.client.post(path, json=body, headers=self.staff(path, roles))

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
    mounts = [service_mount(name, installation.tools[name]) for name in ("intake", "requests")]
    app = build_app(mounts, limited=False)
    yield House(installation, app.test_client(), KeyStore(installation.settings.keys))
    installation.close()
