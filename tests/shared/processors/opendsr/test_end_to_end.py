"""From a decision to the signed receipt in the ledger: our services and the played processors, over HTTP both ways."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests
import sqlalchemy as sa
import yaml
from cryptography import x509

from services.requests.ledger import views
from services.requests.ledger.handlers import HANDLERS
from services.requests.ledger.records import LedgerEntry
from services.requests.records import Base
from services.sandbox.addresses import Addresses, addresses
from services.sandbox.server import listen, running
from services.sandbox.state import SandboxConfig
from shared.events import RecordRef
from shared.processors.interface import SubjectIdentifiers
from shared.processors.opendsr import opendsr_requests
from shared.processors.opendsr.api import api
from shared.propagation import decisions, transfers
from shared.service import Act, Changed, Holding
from shared.settings import CONFIG, ROOT
from shared.web.app import build_app
from shared.web.mounts import Mount
from tests.kit.installation import Installation, bare_service
from tests.servers.kept import free_port

EMAIL = "sanne.jansen@voorbeeld.example"
metadata = sa.MetaData()
forms = sa.Table("forms", metadata, sa.Column("id", sa.String(36), primary_key=True))


def _present(session, records) -> list[str]:
    return list(session.scalars(sa.select(forms.c.id).where(forms.c.id.in_(records))))


def _erase(session, tools, records, now) -> Changed:
    gone = sa.delete(forms).where(forms.c.id.in_(records)).returning(forms.c.id)
    return dict.fromkeys(session.scalars(gone), ())


def holding(category: str) -> Holding:
    """A data category over one small table."""
    return Holding(
        category=category,
        find=lambda session, refs: {},
        present=_present,
        acts={"erasure": Act(_erase, lambda session, records: len(_present(session, records)))},
        identify=lambda session, tools, records: SubjectIdentifiers(email=EMAIL),
    )


class Proved:
    """What the identity check proved, for services that hold nothing themselves."""

    def identifiers(self, decision: str) -> SubjectIdentifiers:
        return SubjectIdentifiers(email=EMAIL)


@dataclass
class Clinic:
    """An installation that the played processors can call back."""

    installation: Installation
    sandbox: str
    unreachable: Callable[[], None]

    def hold(self, service: str, processor: str | None = None) -> str:
        """Have a service hold a record, and a processor have been given it."""
        record, tools = str(uuid.uuid4()), self.installation.tools[service]
        category = self.installation.services[service].holdings[0].category
        with tools.database.transaction() as session:
            session.execute(sa.insert(forms).values(id=record))
            if processor:
                transfers.record(session, processor, category, [record], now=self.installation.clock())
        return record

    def erase(self, *records: tuple[str, str]) -> str:
        """Decide to erase these records of services."""
        tools, decision = self.installation.tools["requests"], str(uuid.uuid4())
        named = [
            RecordRef(service=name, category=self.installation.services[name].holdings[0].category, id=record)
            for name, record in records
        ]
        with tools.database.transaction() as session:
            decisions.take(
                session,
                tools,
                "erasure",
                decision_id=decision,
                refs=[tools.refs.email(EMAIL)],
                records=named,
                ground="request",
                decided_by="coordinator",
                now=self.installation.clock(),
            )
        self.installation.settle()
        return decision

    def shown(self, decision: str) -> dict[str, Any]:
        """What staff see of it."""
        tools = self.installation.tools["requests"]
        with tools.database.reading() as session:
            return views.detail(session, decision, tools.register, self.installation.clock())

    def answer(self, decision: str, processor: str) -> dict[str, Any]:
        """What a processor answered."""
        return next(each for each in self.shown(decision)["answers"] if each["processor"] == processor)

    def settle_until(self, condition: Callable[[], Any]) -> None:
        """Let the loops work while the processors do, until something is so."""
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, "it did not happen"
            self.installation.settle()
            time.sleep(0.05)

    def string(self, path: str, **content: Any) -> None:
        """Pull one of the sandbox's strings."""
        assert requests.post(f"{self.sandbox}/sandbox/v1/{path}", json=content, timeout=5).status_code == 204

    def people(self, processor: str) -> list[dict[str, Any]]:
        """Who a processor really has."""
        rows: list[dict[str, Any]] = requests.get(
            f"{self.sandbox}/sandbox/v1/opendsr/{processor}/people", timeout=5
        ).json()
        return rows

    def status(self, processor: str) -> str:
        """How far a processor is with its only request."""
        rows = requests.get(f"{self.sandbox}/sandbox/v1/opendsr/{processor}/requests", timeout=5).json()
        return rows[0]["status"] if rows else ""

    def received(self, processor: str, method: str = "POST") -> list[str]:
        """What a processor was sent."""
        calls = requests.get(f"{self.sandbox}/sandbox/v1/calls?processor={processor}", timeout=5).json()
        return [each["text"] for each in calls if each["method"] == method]

    def receipts(self, decision: str, processor: str) -> list[dict[str, Any]]:
        """The receipts about a processor on the ledger's chain."""
        query = sa.select(LedgerEntry.body).where(LedgerEntry.family == "receipt")
        with self.installation.tools["requests"].database.reading() as session:
            said = [json.loads(body)["data"] for body in session.scalars(query)]
        return [each for each in said if (each["decision"], each["processor"]) == (decision, processor)]


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Clinic]:
    """The trial's register and sandbox, with small stores."""
    keys, port = addresses(0), free_port()
    with running(SandboxConfig(addresses=keys, pace=0.2, stall_seconds=5, late_seconds=0.5)) as (origin, _):
        installation = Installation(
            tmp_path / "home",
            {
                "intake": bare_service("intake", metadata=metadata, holdings=[holding("contact-forms")]),
                "dossier": bare_service("dossier", metadata=metadata, holdings=[holding("quotes")]),
                "newsletter": bare_service("newsletter"),
                "requests": bare_service("requests", metadata=Base.metadata, handlers=HANDLERS),
            },
            environ={
                "DISCREET_PROCESSORS": str(_write_register(tmp_path, origin, keys)),
                "DISCREET_PORT": str(port),
            },
        )
        installation.tools |= {name: replace(tools, claims=Proved()) for name, tools in installation.tools.items()}
        mounts = [
            Mount(name=name, tools=installation.tools[name], apis=[api], authenticate=_nobody)
            for name in ("intake", "dossier")
        ]
        server = listen(build_app(mounts, limits=None), port)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()

        def stop() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        yield Clinic(installation, origin, stop)
        stop()
        installation.close()


def _nobody(token: str, now: Any) -> Any:
    raise AssertionError


def _write_register(directory: Path, origin: str, keys: Addresses) -> Path:
    """Write the trial's own, with the places and keys of this sandbox."""
    said = yaml.safe_load((ROOT / CONFIG / "processors.trial.yaml").read_text(encoding="utf-8"))["processors"]
    for name in ("medical-crm", "website-host"):
        settings = said[name]["settings"]
        settings |= {"base_url": f"{origin}/{name}/v2", "domain": keys[name]["domain"]}
        settings |= {"authority": keys[name]["authority"], "token_file": f"{name}.token"}
        del settings["token"]
        (directory / f"{name}.token").write_text(keys[name]["token"], encoding="utf-8")
    path = directory / "processors.yaml"
    path.write_text(yaml.safe_dump({"processors": said}), encoding="utf-8")
    return path


def test_an_erasure_ends_with_the_signed_word_of_both_processors(clinic: Clinic) -> None:
    """The CRM was given something and the host is always told; both erase, call back, and are believed."""
    form, quote = clinic.hold("intake"), clinic.hold("dossier", "medical-crm")
    for name in ("medical-crm", "website-host"):
        clinic.string(f"opendsr/{name}/people", email=EMAIL)
    decision = clinic.erase(("intake", form), ("dossier", quote))
    clinic.settle_until(lambda: clinic.shown(decision)["state"] == "closed")
    for name in ("medical-crm", "website-host"):
        assert (clinic.answer(decision, name)["outcome"], clinic.answer(decision, name)["evidence"]) == (
            "done",
            "processor-signed",
        )
    assert clinic.people("website-host") == []
    # The decision was about a quote, and nothing else of her at the CRM.
    assert "quotes" not in clinic.people("medical-crm")[0]["categories"]
    assert "reports" in clinic.people("medical-crm")[0]["categories"]
    assert EMAIL in clinic.received("medical-crm")[0]
    assert EMAIL not in clinic.received("website-host")[0]


def test_the_receipt_holds_what_was_signed_and_nobody(clinic: Clinic) -> None:
    """Anybody can check it again with the certificate in it; the address is nowhere on the chain."""
    decision = clinic.erase(("intake", clinic.hold("intake")))
    clinic.settle_until(lambda: clinic.shown(decision)["state"] == "closed")
    (receipt,) = clinic.receipts(decision, "website-host")
    shown = json.loads(receipt["evidence"]["document"])
    assert shown["source"] == "callback"
    leaf = x509.load_pem_x509_certificate(shown["certificates"][0].encode())
    assert leaf.subject.rfc4514_string() == "CN=website-host.localhost"
    assert "encoded_request" not in str(receipt)
    with clinic.installation.tools["requests"].database.reading() as session:
        assert not [body for body in session.scalars(sa.select(LedgerEntry.body)) if "sanne" in body.lower()]


def test_the_host_is_told_also_of_somebody_we_hold_nothing_of(clinic: Clinic) -> None:
    """By what the identity check proved; the CRM, which was given nothing, hears nothing."""
    clinic.string("opendsr/website-host/people", email=EMAIL)
    clinic.string("opendsr/medical-crm/people", email=EMAIL)
    decision = clinic.erase()
    clinic.settle_until(lambda: clinic.shown(decision)["state"] == "closed")
    assert clinic.answer(decision, "website-host")["outcome"] == "done"
    assert clinic.answer(decision, "medical-crm")["outcome"] == "not-addressed"
    assert clinic.people("website-host") == []
    assert clinic.received("medical-crm") == []


@pytest.mark.parametrize("behaviour", ["fail", "busy", "forge", "twice", "late"])
def test_whatever_goes_wrong_on_the_way_it_ends_with_one_receipt(clinic: Clinic, behaviour: str) -> None:
    """Nothing is erased twice, and nothing is said done before it is."""
    clinic.string("opendsr/website-host/people", email=EMAIL)
    clinic.string("behaviour", processor="website-host", behaviour=behaviour, times=3)
    decision = clinic.erase()

    def is_closed() -> bool:
        clinic.installation.clock.forward(minutes=31)
        return clinic.shown(decision)["state"] == "closed"

    clinic.settle_until(is_closed)
    done = [each for each in clinic.receipts(decision, "website-host") if each["outcome"] == "done"]
    assert [each["evidence"]["grade"] for each in done] == ["processor-signed"]
    assert clinic.people("website-host") == []
    with clinic.installation.tools["intake"].database.reading() as session:
        assert len(session.execute(sa.select(opendsr_requests)).all()) == 1


def test_an_impostor_is_never_believed(clinic: Clinic) -> None:
    """The decision stays open, and says why; with a proper certificate it closes."""
    clinic.string("behaviour", processor="website-host", behaviour="impostor")
    decision = clinic.erase()
    clinic.settle_until(lambda: clinic.receipts(decision, "website-host"))
    time.sleep(0.5)
    clinic.installation.settle()
    (receipt,) = clinic.receipts(decision, "website-host")
    assert (receipt["outcome"], clinic.shown(decision)["state"]) == ("failed", "open")
    assert "self-signed" in receipt["ground"]
    clinic.string("behaviour", processor="website-host", behaviour="normal")

    def is_closed() -> bool:
        clinic.installation.clock.forward(minutes=61)
        return clinic.shown(decision)["state"] == "closed"

    clinic.settle_until(is_closed)


def test_without_any_callback_it_is_asked_when_it_expected_to_be_done(clinic: Clinic) -> None:
    """Callbacks are a courtesy; asking is the net."""
    clinic.unreachable()
    decision = clinic.erase()
    clinic.settle_until(lambda: clinic.status("website-host") == "completed")
    assert clinic.shown(decision)["state"] == "open"
    clinic.installation.clock.forward(hours=6)
    clinic.settle_until(lambda: clinic.shown(decision)["state"] == "closed")
    (receipt,) = clinic.receipts(decision, "website-host")
    assert json.loads(receipt["evidence"]["document"])["source"] == "status"


def test_a_liar_is_believed_and_the_receipt_says_no_more_than_that_it_signed(clinic: Clinic) -> None:
    """OpenDSR has no second look: the grade says whose word it is."""
    clinic.string("opendsr/website-host/people", email=EMAIL)
    clinic.string("behaviour", processor="website-host", behaviour="lie")
    decision = clinic.erase()
    clinic.settle_until(lambda: clinic.shown(decision)["state"] == "closed")
    assert clinic.answer(decision, "website-host")["evidence"] == "processor-signed"
    assert [each["email"] for each in clinic.people("website-host")] == [EMAIL]


def test_a_key_that_changes_under_way_changes_nothing(clinic: Clinic) -> None:
    """C12, over HTTP."""
    decision = clinic.erase()
    clinic.string("opendsr/website-host/certificate")

    def is_closed() -> bool:
        clinic.installation.clock.forward(minutes=61)
        return clinic.shown(decision)["state"] == "closed"

    clinic.settle_until(is_closed)
    assert clinic.answer(decision, "website-host")["evidence"] == "processor-signed"
