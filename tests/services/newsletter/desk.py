"""A newsletter over HTTP, with a mailbox to look into and a played e-mail programme at the other end."""

from __future__ import annotations

import hmac
import json
import re
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import msgspec
import requests
import sqlalchemy as sa
from werkzeug.serving import make_server

from services import registry
from services.newsletter import programmes
from services.newsletter.actions.signing_up import SignUp, sign_up
from services.newsletter.records import Subscription
from services.newsletter.service import SERVICE
from services.sandbox import addresses
from services.sandbox.server import QuietHandler, running
from services.sandbox.state import SandboxConfig
from services.web import service_mount
from shared.auth import issue_token
from shared.deadlines import ZONE
from shared.events import PROGRAMME_TOLD, Decision, ReceiptIssued, RecordRef
from shared.keys import KeyStore
from shared.keys.making import read_root
from shared.keys.rotation import rotate_signing_key
from shared.mail import MailFolder, send_due
from shared.messaging import envelope
from shared.messaging.outbox import Outbox
from shared.messaging.tables import inbox
from shared.propagation import decisions
from shared.propagation.composition import complete
from shared.propagation.register import Register
from shared.propagation.tables import issued_decisions, obligations, receipts, tombstones
from shared.propagation.worker import ObligationWorker
from shared.settings import ROOT
from shared.web.app import build_app
from tests.kit.dying import live
from tests.kit.installation import Installation, bare_service
from tests.servers.kept import free_pair

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse

    from services.sandbox.state import Stage
    from shared.mail import StoredMail
    from shared.processors.interface import Adapter
    from shared.service import Tools

ANNA = "anna@voorbeeld.example"
LINK = re.compile(r"http://127\.0\.0\.1:\d+(/newsletter/(?:confirm|unsubscribe|preferences)/[\w-]+)")


@dataclass
class Desk:
    """One installation of the newsletter: what visitors, subscribers, staff and the programme do."""

    installation: Installation
    programme: str
    client: FlaskClient
    stage: Stage
    sandbox: str
    _keys: KeyStore = field(repr=False)

    @property
    def tools(self) -> Tools:
        return self.installation.tools["newsletter"]

    @property
    def clock(self):
        return self.installation.clock

    @property
    def processor(self):
        return self.tools.register.get(self.programme)

    @property
    def erased(self) -> str:
        """What the programme's receipt says of an erasure: MailerLite only puts away, until a day that it names."""
        return "retained" if self.programme == "mailerlite" else "done"

    # What visitors and subscribers do

    def sign_up(self, email: str = ANNA, first_name: str = "Anna", **fields: str) -> TestResponse:
        """Fill in the form, as a site's server passes it on."""
        return self.client.post(
            "/newsletter/v1/subscriptions", json={"first_name": first_name, "email": email, **fields}
        )

    def mails(self, to: str = ANNA) -> list[StoredMail]:
        """Everything mailed to an address, oldest first."""
        send_due(self.tools, self.clock())
        folder = MailFolder(self.installation.settings.home / "mail")
        return [mail for mail in reversed(folder.newest()) if mail.to == to]

    def link(self, kind: str, to: str = ANNA) -> str:
        """The path of the link in the last mail: to ``confirm`` or to ``unsubscribe``."""
        paths = LINK.findall(self.mails(to)[-1].text)
        return next(path for path in paths if f"/{kind}/" in path)

    def confirm(self, email: str = ANNA) -> TestResponse:
        """Press the button behind the link in the last mail."""
        return self.client.post(self.link("confirm", email))

    def subscribe(self, email: str = ANNA, first_name: str = "Anna") -> Subscription:
        """Sign up, confirm, and let the programme have it."""
        assert self.sign_up(email, first_name).status_code == 202
        assert self.confirm(email).status_code == 200
        self.settle()
        return next(row for row in self.rows() if row.ref in self.tools.refs.emails(email) and row.is_live)

    def unsubscribe(self, email: str = ANNA) -> TestResponse:
        """Do what a mail programme does with the header of the last mail (RFC 8058)."""
        return self.client.post(self.link("unsubscribe", email), data={"List-Unsubscribe": "One-Click"})

    # What the system does by itself

    def settle(self) -> None:
        """Let every event, obligation and webhook come to rest."""
        self.installation.settle()

    def settle_and_die(self, point: str) -> int:
        """Do the same in a process of its own that dies at a point; return how it ended.

        Not while the programme talks to us: SQLite would never get past what a thread here had locked at that moment.
        """
        self.hear()
        return live(self.settle, point)

    def arrive(self) -> None:
        """Let what was decided reach the newsletter, and nobody carry it out yet."""
        self.installation.mover.move()
        self.installation.apply()

    def run_job(self, name: str) -> None:
        """Run one of the timed jobs now."""
        job = next(job for job in self.installation.services["newsletter"].jobs if name in job.name)
        job.run(self.tools, self.clock())

    def decide(self, kind: str, *, refs: Sequence[str], records: Sequence[str] = (), forms: Sequence[str] = ()) -> str:
        """Let the requests service decide about subscriptions and contact forms, as staff do; return the id."""
        requests_service = self.installation.tools["requests"]
        decision = str(uuid.uuid4())
        with requests_service.database.transaction() as session:
            decisions.take(
                session,
                requests_service,
                kind,
                decision_id=decision,
                refs=refs,
                records=[
                    *(RecordRef(service="newsletter", category="subscriptions", id=each) for each in records),
                    *(RecordRef(service="intake", category="contact-forms", id=each) for each in forms),
                ],
                ground="asked-by-the-subject",
                decided_by="m.devries",
                now=self.clock(),
            )
        return decision

    def end_agreement(self) -> None:
        """Let the agreement with the programmes have ended, and start again with that register."""
        self.edit_register("ends: null", "ends: 2025-01-01")

    def renew_agreement(self) -> None:
        """Have one without an end again."""
        self.edit_register("ends: 2025-01-01", "ends: null")

    def edit_register(self, before: str, after: str) -> None:
        """Change the register's file, and start again with it."""
        path = self.tools.settings.processors
        path.write_text(path.read_text().replace(before, after))
        register = Register.load(path, sandbox=addresses.load(self.installation.home))
        self.installation.tools["newsletter"] = replace(self.tools, register=register)

    def forget_at_programme(self) -> None:
        """Let the programme lose everybody, without a word."""
        assert requests.post(f"{self.sandbox}/sandbox/v1/reset", timeout=5).status_code == 204

    def visit(self, path: str = "/newsletter/v1/subscriptions") -> TestResponse:
        """Post from a thread of its own: the form, or what is behind a link."""
        fields = {"first_name": "Anna", "email": ANNA} if path.endswith("subscriptions") else {}
        with self.client.application.test_client() as client:
            return client.post(path, data=fields)

    @contextmanager
    def applying(self) -> Iterator[None]:
        """Have what comes in acted on meanwhile, as the worker does."""
        over = Event()

        def apply() -> None:
            while not over.wait(0.02):
                self.installation.apply()

        thread = Thread(target=apply, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def replace_signing_key(self) -> None:
        """Give the newsletter a new key for its events, and start again with it."""
        key = rotate_signing_key(
            self._keys.directory, read_root(self._keys.root_path), "newsletter", "events", self.clock()
        )
        self.installation.tools["newsletter"] = replace(self.tools, outbox=Outbox("newsletter", key))

    def worker(self) -> ObligationWorker:
        """One worker on this newsletter's obligations."""
        return ObligationWorker(self.installation.services["newsletter"], self.tools)

    def face(self, adapter: Adapter) -> None:
        """Put another adapter in the place of the programme's."""
        service = self.installation.services["newsletter"]
        adapters = {**service.adapters, self.processor.adapter: lambda *_: adapter}
        self.installation.services["newsletter"] = complete(replace(SERVICE, adapters=adapters))

    def ask_claims(self, claims):
        """Put another answer in the place of the claim check over HTTP."""
        self.installation.tools["newsletter"] = replace(self.tools, claims=claims)
        return claims

    def insert_confirmed(self, emails: Sequence[str]) -> None:
        """Have many subscribers, without a mail and a click for each."""
        with self.tools.database.transaction() as session:
            for email in emails:
                asked = SignUp(first_name="Lid", email=email, language="nl", source="sign-up-form")
                sign_up(session, self.tools, asked, now=self.clock())
            session.execute(sa.update(Subscription).values(state="confirmed", confirmed_at=self.clock()))

    # What the programme tells, signed as it does

    @property
    def provider(self):
        return programmes.provider_of(self.processor)

    def setting(self, name: str, processor: str = "laposta") -> str:
        return self.tools.register.get(processor).settings[name]

    @property
    def webhook(self) -> str:
        return f"/newsletter/v1/webhooks/laposta/{self.setting('url_secret')}"

    def item(self, email: str, event: str = "deactivated", action: str = "unsubscribed", at: datetime | None = None):
        """One event as Laposta writes it: local time, no zone."""
        local = (at or self.clock()).astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")
        member = {"member_id": email, "list_id": self.setting("list_id"), "email": email, "state": "unsubscribed"}
        info = {"date_event": local, "action": action, "source": "external"}
        return {"type": "member", "event": event, "data": member, "info": info}

    def batch(self, items: Sequence[dict]) -> bytes:
        return json.dumps({"data": list(items), "date_requested": "2026-11-02 10:00:00"}).encode()

    def signature(self, raw: bytes) -> dict[str, str]:
        return {"X-Laposta-Signature": hmac.digest(self.setting("webhook_secret").encode(), raw, "sha256").hex()}

    def post(self, items: Sequence[dict]) -> TestResponse:
        """Deliver a batch of Laposta's, and let it be acted on."""
        raw = self.batch(items)
        return self.deliver(self.webhook, raw, self.signature(raw))

    def deliver(self, path: str, raw: bytes, headers: Mapping[str, str]) -> TestResponse:
        """Post as a programme does, and let what it told be acted on."""
        answer = self.client.post(path, data=raw, headers=headers)
        self.installation.apply()
        return answer

    def tell(self, **fields: str) -> TestResponse:
        """Deliver one event of Mailchimp's."""
        kind = fields.pop("type")
        data = {f"data[{name}]": value for name, value in fields.items()}
        data |= {"type": kind, "fired_at": self.clock().strftime("%Y-%m-%d %H:%M:%S")}
        raw = urlencode(data | {"data[list_id]": self.setting("list_id", "mailchimp")}).encode()
        seconds = int(self.clock().timestamp())
        secret = self.setting("webhook_secret", "mailchimp").encode()
        code = hmac.digest(secret, f"{seconds}.".encode() + raw, "sha256").hex()
        path = f"/newsletter/v1/webhooks/mailchimp/{self.setting('url_secret', 'mailchimp')}"
        return self.deliver(path, raw, {"X-Mailchimp-Signature": f"t={seconds},v1={code}"})

    def lose_webhooks(self) -> None:
        """Have the programme block our webhooks."""
        for hook in self.provider.webhooks():
            form = [("list_id", self.setting("list_id")), ("blocked", "true")]
            assert self.provider.session.send("POST", "webhook", hook.webhook_id, form=form).ok

    # What can be seen

    def rows(self) -> list[Subscription]:
        with self.tools.database.reading() as session:
            return list(session.scalars(sa.select(Subscription).order_by(Subscription.created_at)))

    def row(self, subscription_id: str) -> Subscription | None:
        with self.tools.database.reading() as session:
            return session.get(Subscription, subscription_id)

    def decisions(self, kind: str = "unsubscribe") -> list[Decision]:
        """The decisions of one kind that the newsletter took, oldest first."""
        query = sa.select(issued_decisions.c.body).where(issued_decisions.c.type == f"discreet.decision.{kind}.v1")
        with self.tools.database.reading() as session:
            bodies = session.scalars(query.order_by(issued_decisions.c.issued_at)).all()
        return [msgspec.json.decode(envelope.read(body).data, type=Decision) for body in bodies]

    def receipts(self, decision: str) -> dict[str | None, ReceiptIssued]:
        """The last receipt for a decision, by processor; None stands for the own store."""
        query = sa.select(receipts.c.body).where(receipts.c.decision == decision).order_by(receipts.c.issued_at)
        with self.tools.database.reading() as session:
            bodies = session.scalars(query).all()
        found = [msgspec.json.decode(envelope.read(body).data, type=ReceiptIssued) for body in bodies]
        return {receipt.processor: receipt for receipt in found}

    def obligations(self, **wanted: object) -> list[dict]:
        with self.tools.database.reading() as session:
            rows = session.execute(sa.select(obligations).order_by(obligations.c.id)).mappings().all()
        return [dict(row) for row in rows if all(row[name] == value for name, value in wanted.items())]

    def tally(self, name: str) -> int:
        """How often something was counted today."""
        query = "SELECT coalesce(sum(number), 0) FROM tallies WHERE name = :name"
        with self.tools.database.reading() as session:
            return session.scalar(sa.text(query), {"name": name})

    def count(self, table: str) -> int:
        """How many rows a table has."""
        with self.tools.database.reading() as session:
            return session.scalar(sa.select(sa.func.count()).select_from(sa.table(table)))

    def told(self) -> list[dict]:
        """What programmes posted, as it stands in the inbox."""
        with self.tools.database.reading() as session:
            rows = session.execute(sa.select(inbox).where(inbox.c.type == PROGRAMME_TOLD)).mappings().all()
        return [dict(row) for row in rows]

    def rename(self, table: str, name: str) -> None:
        """Put a table out of reach, or back."""
        with self.tools.database.transaction() as session:
            session.connection().exec_driver_sql(f"ALTER TABLE {table} RENAME TO {name}")

    def tombstones(self) -> dict[str, str | None]:
        """The reference that each erased record left."""
        with self.tools.database.reading() as session:
            return dict(session.execute(sa.select(tombstones.c.record, tombstones.c.ref)).all())

    def members(self) -> dict[str, str]:
        """Whom the programme has, and in which of its states."""
        answer = requests.get(f"{self.sandbox}/sandbox/v1/newsletter/{self.programme}/members", timeout=5)
        return {member["email"]: member["state"] for member in answer.json()}

    def first_names(self) -> list[str]:
        """What the programme calls those it has."""
        answer = requests.get(f"{self.sandbox}/sandbox/v1/newsletter/{self.programme}/members", timeout=5)
        return [member["first_name"] for member in answer.json()]

    def calls(self, *methods: str) -> list[str]:
        """Method and target of every call the programme received about members."""
        found = [f"{call.method} {call.target}" for call in self.stage.calls(self.programme)]
        return [call for call in found if "/webhook" not in call and (not methods or call.split()[0] in methods)]

    def at_programme(self, act: str, email: str = ANNA, *, wait: bool = True) -> None:
        """Let something happen on the programme's own screens, and its webhook arrive."""
        url = f"{self.sandbox}/sandbox/v1/newsletter/{self.programme}/{act}"
        assert requests.post(url, json={"email": email}, timeout=5).status_code == 204
        if wait:
            self.hear()

    def proof(self, email: str = ANNA) -> dict:
        """What staff see of how an address consented."""
        asked = self.client.post(
            "/newsletter/v1/subscriptions/search", json={"email": email}, headers=self.bearer("front-desk")
        )
        return asked.json["items"][-1]["proof"]

    def hear(self) -> None:
        """Wait until the programme has posted everything it had to say, or ask it."""
        if self.processor.adapter in programmes.ASKED:
            self.run_job("ask programmes")
        until = time.monotonic() + 20
        while not self.stage.background.is_idle():
            assert time.monotonic() < until, "the programme does not come to rest"
            time.sleep(0.01)
        self.installation.apply()

    def bearer(self, *roles: str) -> dict[str, str]:
        """Headers of a member of staff with these roles."""
        key = self._keys.signing_key("console", "staff-tokens")
        token = issue_token(
            key.private_key, key.key_id, subject="m.devries", roles=roles, audience="newsletter", now=self.clock()
        )
        return {"Authorization": f"Bearer {token}"}


@contextmanager
def desk(home: Path, programme: str = "laposta", **environ: str) -> Iterator[Desk]:
    """A newsletter that faces one of the programmes, on real ports."""
    port = free_pair()
    register = home / "processors.yaml"
    register.write_text(_register(programme))
    settings = {"DISCREET_PORT": str(port), "DISCREET_PROCESSORS": str(register), **environ}
    services = {name: bare_service(name) for name in ("intake", "requests")} | {
        "newsletter": registry.load("newsletter")
    }
    installation = Installation(home, services, environ=settings)
    app = build_app([service_mount("newsletter", installation.tools["newsletter"])], limits=None)
    server = make_server("127.0.0.1", port, app, threaded=True, request_handler=QuietHandler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    played = SandboxConfig(
        addresses=addresses.load(home),
        clock=installation.clock,
        pace=0.02,
        stall_seconds=1,
        late_seconds=0.05,
        plays={programme},
    )
    try:
        with running(played, port + 1) as (origin, stage):
            yield Desk(installation, programme, app.test_client(), stage, origin, KeyStore(installation.settings.keys))
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        installation.close()


def _register(programme: str) -> str:
    """The trial's register, with the programme asked for in the place of the newsletter's."""
    text = (ROOT / "deploy" / "config" / "processors.trial.yaml").read_text(encoding="utf-8")
    if programme == "laposta":
        return text
    (block,) = re.findall(rf"(?m)^#~  {programme}:\n(?:#~    .*\n)+", text)
    return text.replace(block, block.replace("#~", "")).replace(
        "    owner: newsletter\n    status: active\n    adapter: laposta",
        "    owner: newsletter\n    status: ended\n    adapter: laposta",
    )
