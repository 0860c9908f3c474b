"""A practice with the dossier over HTTP: staff who work in it, decisions that reach it, and processors by hand."""

from __future__ import annotations

import re
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa
import yaml

from services import registry
from services.dossier.records import Client, Contact, Invoice
from services.web import service_mount
from shared.auth import issue_token
from shared.events import Decision, ReceiptIssued, RecordRef, RetainedPart
from shared.keys import KeyStore
from shared.mail import MailFolder, send_due
from shared.messaging import envelope
from shared.propagation import decisions
from shared.propagation.register import Register
from shared.propagation.tables import issued_decisions, obligations, receipts
from shared.settings import ROOT
from shared.web.app import build_app
from tests.kit.installation import Installation, bare_service

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from shared.mail import StoredMail
    from shared.service import Tools

ANNA = {
    "first_name": "Anna",
    "last_name": "Jansen-de Vries",
    "email": "anna.jansen@voorbeeld.example",
    "phone": "06-12345678",
    "birth_date": "1980-02-14",
    "street": "Dorpsstraat 1",
    "postal_code": "1234 AB",
    "city": "Utrecht",
    "country": "NL",
}
BERT = {"first_name": "Bert", "last_name": "Bakker", "email": "bert@voorbeeld.example", "phone": "030 1234567"}
LINES = {"lines": [{"text": "Consult", "unit_cents": 12100}]}
CALLED = {"channel": "phone", "reason": "question", "note": "Vroeg naar de openingstijden."}
REGISTER = ROOT / "deploy" / "config" / "processors.trial.yaml"


@dataclass
class Practice:
    """One installation of the dossier: what staff do, what is decided elsewhere, and what can be seen."""

    installation: Installation
    http: FlaskClient
    _keys: KeyStore = field(repr=False)

    @property
    def tools(self) -> Tools:
        return self.installation.tools["dossier"]

    @property
    def clock(self):
        return self.installation.clock

    # What staff do

    def bearer(self, *roles: str) -> dict[str, str]:
        """Headers of somebody with these roles; a tool says for whom and why."""
        key = self._keys.for_command() if "tool" in roles else self._keys.signing_key("console", "staff-tokens")
        token = issue_token(
            key.private_key, key.key_id, subject="m.devries", roles=roles, audience="dossier", now=self.clock()
        )
        more = {"On-Behalf-Of": "k.bakker", "Purpose": "administration"} if "tool" in roles else {}
        return {"Authorization": f"Bearer {token}", **more}

    def get(self, path: str, role: str = "front-desk") -> TestResponse:
        return self.http.get(f"/dossier/v1/{path}", headers=self.bearer(role))

    def post(self, path: str, body: dict | None = None, role: str = "front-desk", **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(f"/dossier/v1/{path}", json=body or {}, headers=self.bearer(role) | named)

    def patch(self, client_id: str, body: dict, etag: str | None = None) -> TestResponse:
        """Change a client in the version it has, unless another is named."""
        etag = etag or self.get(f"clients/{client_id}").headers["ETag"]
        headers = self.bearer("front-desk") | {"If-Match": etag}
        return self.http.patch(f"/dossier/v1/clients/{client_id}", json=body, headers=headers)

    def client(self, who: dict = ANNA, **fields: Any) -> str:
        """Take somebody up; return the id."""
        return self._made(self.post("clients", who | fields))

    def contact(self, client_id: str, **fields: Any) -> str:
        """Note a contact; return its id."""
        return self._made(self.post(f"clients/{client_id}/contacts", CALLED | fields))

    def invoice(self, client_id: str, **fields: Any) -> str:
        """Issue an invoice; return its id."""
        return self._made(self.post(f"clients/{client_id}/invoices", LINES | fields, role="bookkeeper"))

    def hand_over(self, client_id: str, processor: str, **records: Sequence[str]) -> None:
        """Hand records to a processor: ``invoices=[...]``."""
        flat = [record for theirs in records.values() for record in theirs]
        body = {"processor": processor, "categories": list(records), "records": flat}
        answer = self.post(f"clients/{client_id}/transfers", body)
        assert answer.status_code == 201, answer.json

    def search(self, q: str) -> list[str]:
        """Names of who is found, in alphabetical order."""
        answer = self.post("clients/search", {"q": q})
        assert answer.status_code == 200, answer.json
        return sorted(item["name"] for item in answer.json["items"])

    def _made(self, answer: TestResponse) -> str:
        assert answer.status_code == 201, answer.json
        return answer.json["id"]

    # What is decided, here by the clock and elsewhere by people

    def settle(self) -> None:
        """Let every event and obligation come to rest."""
        self.installation.settle()

    def decide(
        self,
        kind: str = "erasure",
        *,
        refs: Sequence[str] = (),
        keep: Sequence[str] = (),
        until: datetime | None = None,
        **records: Sequence[str],
    ) -> str:
        """Let the requests service decide about records, ``clients=[...]``, and ``keep`` invoices; return its id."""
        requests_service = self.installation.tools["requests"]
        decision = str(uuid.uuid4())
        kept = [
            RetainedPart(service="dossier", category="invoices", id=each, ground="fiscal-retention", until=until)
            for each in keep
        ]
        with requests_service.database.transaction() as session:
            decisions.take(
                session,
                requests_service,
                kind,
                decision_id=decision,
                refs=refs,
                records=[
                    RecordRef(service="dossier", category=category, id=each)
                    for category, ids in records.items()
                    for each in ids
                ],
                retained=kept,
                ground="asked-by-the-subject",
                decided_by="m.devries",
                now=self.clock(),
            )
        return decision

    def refs(self, email: str | None = None, phone: str | None = None) -> list[str]:
        """References of an address and a number."""
        emails = self.tools.refs.emails(email) if email else ()
        return [*emails, *(self.tools.refs.phones(phone) if phone else ())]

    def run_job(self, name: str) -> None:
        """Run one of the timed jobs now."""
        job = next(job for job in self.installation.services["dossier"].jobs if name in job.name)
        job.run(self.tools, self.clock())

    def enrol(self, processor: str, **said: Any) -> None:
        """Start again, so to say, after what the register says of a processor was changed."""
        path = self.tools.settings.processors
        register = yaml.safe_load(path.read_text(encoding="utf-8"))
        register["processors"][processor] |= said
        path.write_text(yaml.safe_dump(register), encoding="utf-8")
        self.installation.tools["dossier"] = replace(self.tools, register=Register.load(path))
        self.http = _http(self.installation)

    # What processors get

    def mails(self, to: str) -> list[StoredMail]:
        """Everything mailed to an address, oldest first."""
        while send_due(self.tools, self.clock()):
            pass
        folder = MailFolder(self.installation.settings.home / "mail")
        return [mail for mail in reversed(folder.newest()) if mail.to == to]

    def task(self, to: str) -> str:
        """The path of the task in the last mail to a processor's contact."""
        found = re.search(r"http://127\.0\.0\.1:\d+(/dossier/by-hand/\S+)", self.mails(to)[-1].text)
        assert found
        return found[1]

    def page(self, path: str, language: str = "en") -> str:
        """A page as text."""
        answer = self.http.get(f"{path}?language={language}", headers={"Accept": "text/html"})
        assert answer.status_code == 200
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))

    def state(self, path: str, outcome: str, **more: str) -> None:
        """Answer a task."""
        answer = self.http.post(path, data={"outcome": outcome, "name": "B. de Balans", **more})
        assert answer.status_code == 200, answer.text
        self.settle()

    # What can be seen

    def rows(self, kind: type[Client | Contact | Invoice]) -> list[Any]:
        with self.tools.database.reading() as session:
            return list(session.scalars(sa.select(kind).order_by(kind.created_at)))

    def row(self, kind: type[Client | Contact | Invoice], record: str) -> Any:
        with self.tools.database.reading() as session:
            return session.get(kind, record)

    def count(self, table: str) -> int:
        with self.tools.database.reading() as session:
            return session.scalar(sa.select(sa.func.count()).select_from(sa.table(table)))

    def obligations(self) -> list[dict]:
        with self.tools.database.reading() as session:
            return [dict(row) for row in session.execute(sa.select(obligations)).mappings()]

    def decisions(self) -> list[Decision]:
        """The terms that the dossier ended, oldest first."""
        query = sa.select(issued_decisions.c.body).order_by(issued_decisions.c.issued_at)
        with self.tools.database.reading() as session:
            bodies = session.scalars(query).all()
        return [msgspec.json.decode(envelope.read(body).data, type=Decision) for body in bodies]

    def receipts(self, decision: str) -> dict[str | None, ReceiptIssued]:
        """The last receipt for a decision, by processor; None stands for the own store."""
        query = sa.select(receipts.c.body).where(receipts.c.decision == decision).order_by(receipts.c.issued_at)
        with self.tools.database.reading() as session:
            bodies = session.scalars(query).all()
        found = [msgspec.json.decode(envelope.read(body).data, type=ReceiptIssued) for body in bodies]
        return {receipt.processor: receipt for receipt in found}


@contextmanager
def practice(home: Path, **environ: str) -> Iterator[Practice]:
    """A dossier with the five processors of the trial, all of them people, and the service that decides."""
    register = home / "processors.yaml"
    register.write_text(yaml.safe_dump(_by_hand(yaml.safe_load(REGISTER.read_text(encoding="utf-8")))))
    services = {"dossier": registry.load("dossier"), "requests": bare_service("requests")}
    installation = Installation(home, services, environ={"DISCREET_PROCESSORS": str(register), **environ})
    yield Practice(installation, _http(installation), KeyStore(installation.settings.keys))
    installation.close()


def _by_hand(register: dict[str, Any]) -> dict[str, Any]:
    for processor in register["processors"].values():
        processor |= {"adapter": "by_hand", "settings": {}, "always": False}
    return register


def _http(installation: Installation) -> FlaskClient:
    return build_app([service_mount("dossier", installation.tools["dossier"])], limits=None).test_client()
