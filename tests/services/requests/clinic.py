"""A clinic with the requests service over HTTP, and other services that really hold something."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.auth import issue_token
from shared.keys import KeyStore
from shared.mail import MailFolder, StoredMail, send_due
from shared.processors.interface import Done, SubjectIdentifiers, evidence_of
from shared.service import Act, Changed, Holding

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from shared.service import Tools
    from tests.kit.installation import Installation

EMAIL = "anna.jansen@voorbeeld.example"
PHONE = "06 12345678"
ASKED = {"name": "Anna Jansen", "email": EMAIL, "phone": PHONE, "message": "Wis alles over mijn lippen."}
VERIFIED = {"method": "known-account", "outcome": "verified", "email": True}
REGISTER = """
processors:
  webhuis:
    name: Webhuis
    role: website-host
    owner: intake
    status: active
    adapter: fake
    receives: [{category: contact-forms, fields: [name, email, phone]}]
    decisions: [erasure, term-end, correction, restriction]
    always: true
    agreement: {signed: 2024-06-10, ends: null, sub_processors: []}
    country: NL
    transfer_ground: none
    contact: {name: W. Webhuis, email: privacy@webhuis.example}
    answer_within: P7D
  mailhuis:
    name: Mailhuis
    role: mail-host
    owner: intake
    status: active
    adapter: fake
    receives: [{category: contact-forms, fields: [email]}]
    decisions: [erasure, term-end, correction, restriction]
    always: false
    agreement: {signed: 2024-06-10, ends: 2025-01-01, sub_processors: []}
    country: US
    transfer_ground: adequacy
    contact: {name: M. Mailhuis, email: privacy@mailhuis.example}
    answer_within: P7D
"""

metadata = sa.MetaData()
things = sa.Table(
    "things", metadata, sa.Column("id", sa.String(36), primary_key=True), sa.Column("ref", sa.String(100))
)


def _find(session, refs) -> dict[str, frozenset[str]]:
    found = session.execute(sa.select(things).where(things.c.ref.in_(refs)).order_by(things.c.id))
    return {row.id: frozenset([row.ref]) for row in found}


def _present(session, records) -> list[str]:
    return list(session.scalars(sa.select(things.c.id).where(things.c.id.in_(records))))


def _erase(session, tools, records, now) -> Changed:
    gone = sa.delete(things).where(things.c.id.in_(records)).returning(things.c.id)
    return dict.fromkeys(session.scalars(gone), ())


def holding(category: str) -> Holding:
    """A data category over one small table."""
    return Holding(
        category=category,
        find=_find,
        present=_present,
        acts={"erasure": Act(_erase, lambda session, records: len(_present(session, records)))},
        identify=lambda session, tools, records: SubjectIdentifiers(email=EMAIL),
    )


class ClaimsOnApp:
    """The claim check over the route itself, without a network."""

    def __init__(self, clinic: Clinic, service: str) -> None:
        self._clinic, self._service = clinic, service

    def identifiers(self, decision: str) -> SubjectIdentifiers:
        path = f"/requests/v1/claims/{decision}"
        answer = self._clinic.client.get(path, headers=self._clinic.service_token(self._service))
        assert answer.status_code == 200
        return SubjectIdentifiers(**answer.json)


class Webhuis:
    """A processor that does what it is asked, at once, if it can tell about whom."""

    def carry_out(self, task):
        assert (task.subject.email, task.subject.phone) in {(EMAIL, None), (None, PHONE)}
        return Done(evidence_of("statement", {"by": "W. Webhuis"}))


@dataclass
class Clinic:
    """One installation: calls as anybody, and the loops' work as one call."""

    installation: Installation
    client: FlaskClient
    _tokens: KeyStore = field(repr=False)

    @property
    def tools(self) -> Tools:
        return self.installation.tools["requests"]

    @property
    def clock(self):
        return self.installation.clock

    def token(self, *roles: str, subject: str = "m.devries") -> dict[str, str]:
        """Headers of somebody with these roles."""
        key = self._tokens.signing_key("console", "staff-tokens")
        if {"tool"} & set(roles):
            key = self._tokens.for_command()
        return self._bearer(key, subject, roles)

    def service_token(self, name: str) -> dict[str, str]:
        """Headers of another service."""
        return self._bearer(self._tokens.signing_key(name, "claims"), name, ["service"])

    def _bearer(self, key, subject, roles) -> dict[str, str]:
        about = {"subject": subject, "roles": roles, "audience": "requests", "now": self.clock()}
        return {"Authorization": f"Bearer {issue_token(key.private_key, key.key_id, **about)}"}

    def ask(self, **fields) -> TestResponse:
        """A visitor's request."""
        return self.client.post("/requests/v1/requests", json=ASKED | fields)

    def enter(self, *roles: str, **fields) -> TestResponse:
        """A request as staff enter it."""
        headers = self.token(*(roles or ("privacy-coordinator",)))
        return self.client.post("/requests/v1/requests", json=ASKED | {"channel": "e-mail"} | fields, headers=headers)

    def get(self, path: str, *roles: str) -> TestResponse:
        """Read something as somebody."""
        return self.client.get(f"/requests/v1/{path}", headers=self.token(*(roles or ("privacy-coordinator",))))

    def case(self, case_id: str, *roles: str) -> dict:
        """A request as somebody sees it."""
        answer = self.get(f"requests/{case_id}", *roles)
        assert answer.status_code == 200, answer.json
        return answer.json

    def act(self, case_id: str, act: str, body: dict | None = None, *roles: str, **headers: str) -> TestResponse:
        """Do something to a request, in the version it has."""
        roles = roles or ("privacy-coordinator",)
        etag = self.get(f"requests/{case_id}").headers["ETag"]
        return self.client.post(
            f"/requests/v1/requests/{case_id}/{act}",
            json=body or {},
            headers={**self.token(*roles), "If-Match": etag, **headers},
        )

    def hold(self, service: str, record: str, email: str = EMAIL) -> str:
        """Have a service hold something of somebody."""
        tools = self.installation.tools[service]
        with tools.database.transaction() as session:
            session.execute(sa.insert(things).values(id=record, ref=tools.refs.email(email)))
        return record

    def held(self, service: str) -> list[str]:
        """What a service still holds."""
        with self.installation.tools[service].database.reading() as session:
            return sorted(session.scalars(sa.select(things.c.id)))

    def settle(self) -> None:
        """Let the loops work until nothing is left to do."""
        self.installation.settle()

    def run(self, job: str) -> None:
        """Do one of the service's timed jobs now."""
        jobs = {each.name: each for each in self.installation.services["requests"].jobs}
        jobs[job].run(self.tools, self.clock())

    def mails(self) -> list[StoredMail]:
        """Every mail sent so far, the first first."""
        while send_due(self.tools, self.clock()):
            pass
        return MailFolder(self.tools.settings.home / "mail").newest()[::-1]

    def mail(self, subject: str) -> StoredMail:
        """The one mail with this in its subject."""
        [mail] = [each for each in self.mails() if subject in each.subject]
        return mail

    def assessed(self, **asked) -> str:
        """A request of somebody who is known, with everything found that is held."""
        case_id = self.enter(**asked).json["id"]
        answer = self.act(case_id, "identity", VERIFIED)
        assert answer.status_code == 200, answer.json
        self.settle()
        return case_id
