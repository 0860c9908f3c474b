"""A clinic whose databases are put back from backups: everything real, on real ports, stopped and started again."""

from __future__ import annotations

import re
import shutil
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread
from typing import TYPE_CHECKING, Any

import requests
import sqlalchemy as sa
from werkzeug.serving import make_server

from services import registry
from services.backups import putting_back, taking
from services.newsletter.records import Subscription
from services.requests.ledger.records import LedgerDecision
from services.sandbox import addresses
from services.sandbox.server import QuietHandler, running
from services.sandbox.state import SandboxConfig
from services.web import service_mount
from services.worker import run_jobs
from shared.auth import issue_token
from shared.events import RecordRef
from shared.keys import KeyStore
from shared.mail import MailFolder, send_due
from shared.propagation import decisions
from shared.propagation.tables import obligations
from shared.restore.keeping import Keeper
from shared.settings import SERVICES
from shared.vault import Sealed
from shared.web.app import build_app
from tests.kit.installation import Hands, Installation, told_only_what_they_had
from tests.servers.kept import free_pair

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from services.backups.manifest import Kind
    from services.sandbox.state import Stage
    from shared.service import Tools

LINK = re.compile(r"http://127\.0\.0\.1:\d+(/newsletter/(?:confirm|unsubscribe)/[\w-]+)")
BOTH: tuple[Kind, ...] = ("data", "keys")


@dataclass
class Clinic:
    """All four services with a played programme; ``stop`` and ``start`` are those of an administrator."""

    home: Path
    environ: Mapping[str, str]
    port: int
    stage: Stage
    sandbox: str
    clock: Hands = field(default_factory=Hands)

    def start(self) -> None:
        """Start processes on what lies on the disk now."""
        environ = {**self.environ, "DISCREET_PORT": str(self.port)}
        self.installation = Installation(self.home, dict(registry.load_all()), clock=self.clock, environ=environ)
        tools = self.installation.tools
        self.keepers = {name: Keeper(self.installation.services[name], tools[name]) for name in tools}
        app = build_app([service_mount(name, tools[name]) for name in tools], limits=None)
        self.client: FlaskClient = app.test_client()
        self._server = make_server("127.0.0.1", self.port, app, threaded=True, request_handler=QuietHandler)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End them as SIGTERM does, with a last mark."""
        for keeper in self.keepers.values():
            keeper.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self.installation.close()

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.start()

    @property
    def tools(self) -> Mapping[str, Tools]:
        """Each service's tools."""
        return self.installation.tools

    # What the workers do

    def settle(self) -> None:
        """Let every event and obligation come to rest, with the marks written."""
        self.keep()
        self.installation.settle()
        self.keep()

    def keep(self) -> None:
        """Let each service's worker see to its marks once."""
        for name, keeper in self.keepers.items():
            self.tools[name].marks.forget()
            keeper.keep()
            self.tools[name].marks.forget()

    def catch_up(self, rounds: int = 30) -> int:
        """Go round as the workers do until nobody catches up any more; return how many rounds it took."""
        for number in range(rounds):
            if number and not self.restoring():
                self.installation.settle()
                return number
            self.keep()
            self.installation.settle()
        raise AssertionError(f"still catching up: {self.restoring()}")

    def restoring(self) -> list[str]:
        """Return who may not show what is stored."""
        for tools in self.tools.values():
            tools.marks.forget()
        return [name for name, tools in self.tools.items() if tools.marks.restoring()]

    def run_jobs(self, name: str) -> None:
        """Run a service's timed jobs now."""
        run_jobs(self.installation.services[name], self.tools[name])

    # Backups

    def back_up(self, how: str, place: Path, kinds: Sequence[Kind] = BOTH) -> None:
        """Take a backup: by the ``command`` while everything runs, or by copying ``files`` of a system that stands."""
        self.keep()
        if how == "command":
            taking.take(self.installation.settings, place, kinds, self.clock())
            return
        self.stop()
        for kind in kinds:
            shutil.copytree(self.home / _directory(kind), place / kind, dirs_exist_ok=True)
        self.start()

    def put_back(self, how: str, place: Path, services: Sequence[str] = SERVICES, kinds: Sequence[Kind] = BOTH) -> None:
        """Stop, put a backup back in the way it was taken, and start."""
        self.stop()
        if how == "command":
            putting_back.put_back(self.installation.settings, putting_back.find(place, kinds), services)
        else:
            for kind in kinds:
                for service in services:
                    for old in (self.home / _directory(kind)).glob(f"{service}.sqlite3*"):
                        old.unlink()
                    for file in (place / kind).glob(f"{service}.sqlite3*"):
                        shutil.copy(file, self.home / _directory(kind) / file.name)
        self.start()

    # What people do

    def call(self, method: str, path: str, *, role: str = "", **options: Any) -> TestResponse:
        """Call the clinic as a visitor or in a role."""
        bearer = self._bearer(role, path.split("/")[1]) if role else {}
        headers = {**bearer, **options.pop("headers", {})}
        return self.client.open(path, method=method, headers=headers, **options)

    def sign_up(self, email: str) -> TestResponse:
        """Fill in the newsletter's form."""
        return self.call("POST", "/newsletter/v1/subscriptions", json={"first_name": "Voornaam", "email": email})

    def link(self, kind: str, email: str) -> str:
        """Return the path of a link in the last mail to somebody."""
        send_due(self.tools["newsletter"], self.clock())
        folder = MailFolder(self.installation.settings.home / "mail")
        mail = next(mail for mail in folder.newest() if mail.to == email)
        return next(path for path in LINK.findall(mail.text) if f"/{kind}/" in path)

    def subscribe(self, email: str, *, settled: bool = True) -> str:
        """Sign up and confirm; ``settled``: the programme has it as well. Return the subscription's id."""
        assert self.sign_up(email).status_code == 202
        assert self.call("POST", self.link("confirm", email)).status_code == 200
        if settled:
            self.settle()
        return self.subscription(email).id

    def unsubscribe(self, email: str) -> None:
        """Use the link of a newsletter."""
        assert self.call("POST", self.link("unsubscribe", email)).status_code == 200
        self.settle()

    def erase(self, *records: str, email: str) -> str:
        """Let the requests service decide an erasure of subscriptions, as staff do; return the decision's id."""
        office, decision = self.tools["requests"], str(uuid.uuid4())
        with office.database.transaction() as session:
            decisions.take(
                session,
                office,
                "erasure",
                decision_id=decision,
                refs=office.refs.emails(email),
                records=[RecordRef(service="newsletter", category="subscriptions", id=each) for each in records],
                ground="asked-by-the-subject",
                decided_by="m.devries",
                now=self.clock(),
            )
        self.settle()
        return decision

    def search(self, email: str) -> TestResponse:
        """Look somebody up, as staff do."""
        return self.call("POST", "/newsletter/v1/subscriptions/search", role="front-desk", json={"email": email})

    def _bearer(self, role: str, service: str) -> dict[str, str]:
        key = KeyStore(self.installation.settings.keys).signing_key("console", "staff-tokens")
        token = issue_token(
            key.private_key, key.key_id, subject="m.devries", roles=[role], audience=service, now=self.clock()
        )
        return {"Authorization": f"Bearer {token}"}

    # What can be seen

    def subscription(self, email: str) -> Subscription | None:
        """Return somebody's subscription as the database has it."""
        tools = self.tools["newsletter"]
        with tools.database.reading() as session:
            query = sa.select(Subscription).where(Subscription.ref.in_(tools.refs.emails(email)))
            return session.scalars(query.order_by(Subscription.created_at.desc())).first()

    def members(self) -> dict[str, str]:
        """Return whom the programme has, and in which of its states."""
        answer = requests.get(f"{self.sandbox}/sandbox/v1/newsletter/laposta/members", timeout=5)
        return {member["email"]: member["state"] for member in answer.json()}

    def changes_at_programme(self) -> list[str]:
        """Return every call that could have changed a member at the programme, in the order in which they came."""
        calls = [f"{call.method} {call.target}" for call in self.stage.calls("laposta")]
        return [call for call in calls if not call.startswith("GET") and "/webhook" not in call]

    def open_decisions(self) -> list[str]:
        """Return the decisions on the ledger that wait for an answer."""
        with self.tools["requests"].database.reading() as session:
            return list(session.scalars(sa.select(LedgerDecision.decision).where(LedgerDecision.closed_at.is_(None))))

    def on_ledger(self) -> int:
        """Return how many decisions the ledger has."""
        with self.tools["requests"].database.reading() as session:
            return session.scalar(sa.select(sa.func.count()).select_from(LedgerDecision)) or 0

    def parked(self) -> list[str]:
        """Return what was set aside anywhere."""
        found = []
        for tools in self.tools.values():
            with tools.database.reading() as session:
                found += session.scalars(sa.select(obligations.c.problem).where(obligations.c.state == "parked"))
        return found

    def readable(self, word: str) -> bool:
        """Tell whether anything that stands in a subscription or waits in an obligation still shows this."""
        tools = self.tools["newsletter"]
        with tools.database.reading() as session:
            rows = session.execute(sa.select(Subscription.id, Subscription.sealed, Subscription.key_id)).all()
        texts = tools.vault.open_many({row.id: Sealed(row.key_id, row.sealed) for row in rows})
        return any(word in str(text) for text in texts.values())


@contextmanager
def clinic(home: Path, **environ: str) -> Iterator[Clinic]:
    """Give a clinic that runs."""
    port = free_pair()
    addresses.prepare(home, port + 1)
    made = {**told_only_what_they_had(home), **environ}
    clock = Hands()
    played = SandboxConfig(addresses=addresses.load(home), clock=clock, pace=0.02, stall_seconds=1, late_seconds=0.05)
    with running(played, port + 1) as (origin, stage):
        found = Clinic(home, made, port, stage, origin, clock)
        found.start()
        try:
            yield found
        finally:
            found.stop()


def _directory(kind: Kind) -> str:
    return "data" if kind == "data" else "data-keys"
