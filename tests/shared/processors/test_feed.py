"""A tool that keeps copies: it reads its feed over HTTP, and its answer becomes a receipt in the ledger."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from services.web import service_mount
from shared.auth import issue_token
from shared.errors import PermanentError
from shared.keys import KeyStore
from shared.messaging.tables import incarnations
from shared.processors.feed import Feed, feed_tasks
from shared.processors.interface import Pending, ProcessorTask, SubjectIdentifiers
from shared.propagation import transfers
from shared.propagation.tables import obligations
from shared.retention import end_terms
from shared.settings import SERVICES
from shared.web.app import build_app
from tests.services.requests.clinic import EMAIL, REGISTER
from tests.services.requests.conftest import open_clinic

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.services.requests.clinic import Clinic

TOOL = """
  {id}:
    name: {id}
    role: staff-tool
    owner: {owner}
    status: active
    adapter: feed
    receives: [{{category: {category}, fields: [number, name, email]}}]
    decisions: [erasure, term-end, correction, restriction]
    always: {always}
    agreement: {{signed: 2024-06-10, ends: null, sub_processors: []}}
    country: NL
    transfer_ground: none
    contact: {{name: I. Tester, email: it@clinic.example}}
    answer_within: P3D
"""
PROCESSORS = (
    REGISTER
    + TOOL.format(id="planner", owner="dossier", category="invoices", always="false")
    + TOOL.format(id="archive", owner="dossier", category="invoices", always="false")
    + TOOL.format(id="bookkeeper", owner="dossier", category="invoices", always="false").replace("feed", "fake")
    + TOOL.format(id="case-board", owner="requests", category="rights-requests", always="true")
)
INVOICE, OTHER = "5e9aa1a1-0000-4000-8000-00000000000a", "5e9aa1a1-0000-4000-8000-00000000000b"


@dataclass
class Tools:
    """The clinic, its services over HTTP, and whoever calls them with a token of the command."""

    clinic: Clinic
    http: FlaskClient

    def headers(self, name: str, *roles: str) -> dict[str, str]:
        """What ``discreet token --role ... --name ...`` gives."""
        key = KeyStore(self.clinic.installation.settings.keys).for_command()
        now = self.clinic.clock()
        token = issue_token(
            key.private_key, key.key_id, subject=name, roles=roles or ("tool",), audience=SERVICES, now=now
        )
        return {"Authorization": f"Bearer {token}"}

    def feed(self, name: str = "planner", service: str = "dossier", **query: object) -> dict:
        """What a tool reads."""
        answer = self.http.get(f"/{service}/v1/changes", query_string=query, headers=self.headers(name))
        assert answer.status_code == 200, answer.json
        return answer.json

    def answer(self, decision: str, said: dict, name: str = "planner", service: str = "dossier"):
        """Answer as a tool."""
        path = f"/{service}/v1/decisions/{decision}/receipts"
        return self.http.post(path, json=said, headers=self.headers(name))

    def decide(self, *given: str, to: str = "planner") -> str:
        """Have two invoices erased, of which a tool was given some; return the decision."""
        for invoice in (INVOICE, OTHER):
            self.clinic.hold("dossier", invoice)
        tools = self.clinic.installation.tools["dossier"]
        with tools.database.transaction() as session:
            transfers.record(session, to, "invoices", given, now=self.clinic.clock())
        case_id = self.clinic.assessed()
        records = [{"service": "dossier", "category": "invoices", "id": each} for each in (INVOICE, OTHER)]
        granted = self.clinic.act(
            case_id, "decision", {"outcome": "grant", "records": records, "consequences_acknowledged": True}
        )
        assert granted.status_code == 200, granted.json
        self.clinic.settle()
        return self.clinic.case(case_id)["decision"]["id"]

    def known(self, decision: str, processor: str = "planner") -> dict:
        """What the ledger knows of a tool's answer."""
        answers = self.clinic.get(f"decisions/{decision}").json["answers"]
        [answer] = [each for each in answers if each["processor"] == processor]
        return answer


def _tools(home, environ):
    with open_clinic(home, environ, PROCESSORS) as clinic:
        mounts = [service_mount(name, clinic.installation.tools[name]) for name in ("requests", "dossier")]
        yield Tools(clinic, build_app(mounts, limits=None).test_client())


@pytest.fixture
def tools(tmp_path):
    """A clinic with two tools that copy invoices and one that copies rights requests."""
    yield from _tools(tmp_path, {})


@pytest.fixture
def tools_on_postgresql(tmp_path, postgres_environ):
    """The same on PostgreSQL."""
    yield from _tools(tmp_path, postgres_environ())


DONE = {"outcome": "done", "counts": {"invoices": 1}}


def _a_decision_goes_to_the_tool_and_its_answer_to_the_ledger(tools: Tools) -> None:
    decision = tools.decide(INVOICE)
    feed = tools.feed()
    [change] = feed["items"]
    assert (change["decision"], change["action"], change["outcome"]) == (decision, "erasure", None)
    assert change["records"] == [{"category": "invoices", "id": INVOICE}]
    assert change["due_at"] == tools.known(decision)["due_at"].replace("+00:00", ".000000Z")
    assert tools.known(decision)["state"] == "waiting"
    assert tools.answer(decision, DONE).json["outcome"] == "done"
    tools.clinic.settle()
    known = tools.known(decision)
    assert (known["outcome"], known["evidence"], known["counts"]) == ("done", "api-confirmed", {"invoices": 1})
    assert tools.clinic.get(f"decisions/{decision}").json["state"] == "open"  # the case board has yet to answer
    assert tools.feed(after=feed["last"]) == {"items": [], "last": feed["last"], "more": False}
    assert tools.feed()["items"][0]["outcome"] == "done"
    with tools.clinic.installation.tools["dossier"].database.reading() as session:
        assert transfers.held_by(session, "planner", [INVOICE]) == []


def test_a_decision_goes_to_the_tool_and_its_answer_to_the_ledger(tools):
    """It reads which of its copies must go, erases them, says so, and is told no more of them."""
    _a_decision_goes_to_the_tool_and_its_answer_to_the_ledger(tools)


def test_a_tool_works_the_same_on_postgresql(tools_on_postgresql):
    """Rows are locked and numbered there in ways of their own."""
    _a_decision_goes_to_the_tool_and_its_answer_to_the_ledger(tools_on_postgresql)


def test_a_tool_of_the_requests_service_reads_at_its_own_address(tools):
    """The addresses of the contract: `/requests/v1/changes` and `/requests/v1/decisions/{id}/receipts`."""
    decision = tools.decide()
    [change] = tools.feed("case-board", "requests")["items"]
    assert change["decision"] == decision
    assert tools.answer(decision, {"outcome": "nothing-held"}, "case-board", "requests").status_code == 200
    tools.clinic.settle()
    assert tools.known(decision, "case-board")["outcome"] == "nothing-held"
    assert tools.clinic.get(f"decisions/{decision}").json["state"] == "closed"


def test_who_was_given_nothing_is_not_told_and_has_nothing_to_say(tools):
    """Neither about what another tool was given, nor about a decision that never was."""
    decision = tools.decide(INVOICE, to="archive")
    assert tools.known(decision)["outcome"] == "not-addressed"
    assert tools.feed()["items"] == []
    assert tools.answer(decision, DONE).status_code == 409
    assert tools.answer(INVOICE, DONE).status_code == 409
    assert tools.feed("archive")["items"][0]["decision"] == decision


def test_the_same_answer_twice_is_one_and_another_is_refused(tools):
    """A tool that lost our reply asks again; one that changes its mind has to speak to people."""
    decision = tools.decide(INVOICE)
    first = tools.answer(decision, DONE)
    tools.clinic.settle()
    assert tools.answer(decision, DONE).json == first.json
    assert tools.answer(decision, {"outcome": "done", "counts": {"invoices": 2}}).status_code == 409
    assert tools.answer(decision, {"outcome": "nothing-held"}).status_code == 409
    tools.clinic.settle()
    assert [word["outcome"] for word in tools.known(decision)["history"]] == ["done"]


def test_only_a_tool_of_this_service_reads_a_feed(tools):
    """Not staff, not a service, not a tool of another service, and not a processor that works otherwise."""
    path = "/dossier/v1/changes"
    for role in ("privacy-coordinator", "fg", "admin", "physician"):
        assert tools.http.get(path, headers=tools.headers("planner", role)).status_code == 403
    assert tools.http.get(path).status_code == 401
    for name in ("case-board", "bookkeeper", "nobody", "command"):
        assert tools.http.get(path, headers=tools.headers(name)).status_code == 404
        assert tools.answer(INVOICE, DONE, name).status_code == 404


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({}, "outcome"),
        ({"outcome": "not-addressed"}, "outcome"),
        ({"outcome": "closed-unconfirmed"}, "outcome"),
        ({"outcome": "done", "ground": "fiscal-retention"}, "ground"),
        ({"outcome": "refused"}, "ground"),
        ({"outcome": "refused", "ground": "because Anna said so"}, "ground"),
        ({"outcome": "retained", "ground": "fiscal-retention"}, "until"),
        ({"outcome": "retained", "ground": "fiscal-retention", "until": "2026-11-02"}, "until"),
        ({"outcome": "done", "counts": {EMAIL: 1}}, "counts"),
        ({"outcome": "done", "counts": {"invoices": -1}}, "counts.invoices.value"),
        ({"outcome": "done", "remark": "Anna"}, "remark"),
    ],
)
def test_an_answer_has_no_room_for_words_of_its_own(tools, said, field):
    """What a tool says goes into an event: outcomes, grounds and categories that we know, and numbers."""
    decision = tools.decide(INVOICE)
    answer = tools.answer(decision, said)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]
    assert tools.feed()["items"][0]["outcome"] is None


@pytest.mark.parametrize(
    "said",
    [
        {"outcome": "retained", "ground": "fiscal-retention", "until": "2034-01-01"},
        {"outcome": "refused", "ground": "unlawful-instruction"},
    ],
)
def test_what_a_tool_keeps_or_refuses_has_its_ground_in_the_ledger(tools, said):
    """It stays on record as given to the tool."""
    decision = tools.decide(INVOICE)
    assert tools.answer(decision, said).status_code == 200
    tools.clinic.settle()
    known = tools.known(decision)
    assert (known["outcome"], known["ground"]) == (said["outcome"], said["ground"])
    assert [part["id"] for part in known["retained"]] == ([INVOICE] if said["outcome"] == "retained" else [])
    with tools.clinic.installation.tools["dossier"].database.reading() as session:
        assert transfers.held_by(session, "planner", [INVOICE]) == [INVOICE]


class NoClaims:
    """A claim check that must not be asked for anything."""

    def identifiers(self, decision):
        raise AssertionError(decision)


def test_a_tool_is_never_told_whom_it_is_about(tools):
    """It knows our records by their ids; nothing is sealed for it, and nobody's identity is asked for."""
    for name, each in tools.clinic.installation.tools.items():
        tools.clinic.installation.tools[name] = (
            replace(each, claims=NoClaims()) if name in ("dossier", "requests") else each
        )
    decision = tools.decide(INVOICE)
    answer = tools.http.get("/dossier/v1/changes", headers=tools.headers("planner"))
    assert decision in answer.text
    for personal in (EMAIL, "Anna", "Jansen"):
        assert personal not in answer.text
    with tools.clinic.installation.tools["dossier"].database.reading() as session:
        sealed = sa.select(obligations.c.sealed, obligations.c.key_id).where(obligations.c.processor == "planner")
        assert session.execute(sealed).one() == (None, None)


def test_a_feed_is_read_in_order_and_page_by_page(tools):
    """The order in which decisions came; the place after the last page is where to ask next time."""
    decisions = [tools.decide(INVOICE) for _ in range(3)]
    read, place = [], {}
    while True:
        page = tools.feed(limit=1, **place)
        read += [change["decision"] for change in page["items"]]
        place = {"after": page["last"]}
        if not page["more"]:
            break
    assert read == decisions
    later = tools.decide(INVOICE)
    assert [change["decision"] for change in tools.feed(**place)["items"]] == [later]


def test_in_a_database_that_was_put_back_a_feed_is_read_from_its_start(tools):
    """Numbers are given again there: a tool that reads on from its old one would miss a decision."""
    decision = tools.decide(INVOICE)
    place = tools.feed()["last"]
    with tools.clinic.installation.tools["dossier"].database.transaction() as session:
        later = tools.clinic.clock() + timedelta(minutes=1)
        session.execute(sa.insert(incarnations).values(id="second", number=2, started_at=later))
    assert [change["decision"] for change in tools.feed(after=place)["items"]] == [decision]


@pytest.mark.parametrize("place", ["7", "first-dossier.", "first-dossier.x", ".1", "a b.1"])
def test_a_place_that_is_none_is_refused(tools, place):
    """Rather than read as the start, which would look as if there were nothing new."""
    answer = tools.http.get("/dossier/v1/changes", query_string={"after": place}, headers=tools.headers("planner"))
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == ["after"]


@pytest.fixture
def closed(tools) -> str:
    """A decision that a tool did not answer, until two people closed its answer."""
    decision = tools.decide(INVOICE)
    tools.clinic.clock.forward(days=4)
    tools.clinic.settle()
    closure = {"service": "dossier", "processor": "planner", "reason": "no-answer"}
    path = f"/requests/v1/decisions/{decision}/closures"
    proposed = tools.http.post(path, json=closure, headers=tools.headers("m.devries", "privacy-coordinator")).json
    second = tools.headers("k.bakker", "physician")
    assert tools.http.post(f"{path}/{proposed['id']}/confirmation", headers=second).status_code == 200
    tools.clinic.settle()
    assert tools.known(decision)["outcome"] == "closed-unconfirmed"
    return decision


def test_an_answer_that_comes_after_two_people_closed_it_is_what_is_known(tools, closed):
    """Closing lifts no duty: the decision stays in the feed, and whoever erases late is heard late."""
    tools.clinic.clock.forward(days=20)
    tools.clinic.settle()
    assert tools.feed()["items"][0]["decision"] == closed
    assert tools.answer(closed, DONE).status_code == 200
    tools.clinic.settle()
    known = tools.known(closed)
    assert (known["outcome"], known["evidence"]) == ("done", "api-confirmed")
    assert [word["outcome"] for word in known["history"]] == ["closed-unconfirmed", "done"]


def _task(tools: Tools, decision: str) -> ProcessorTask:
    return ProcessorTask(
        decision_id=decision,
        action="erasure",
        subject=SubjectIdentifiers(),
        idempotency_key="dossier-1",
        requested_at=tools.clinic.clock(),
        records={"invoices": [INVOICE]},
    )


def test_a_feed_gives_no_data(tools):
    """What is no decision has no place in it."""
    dossier = tools.clinic.installation.tools["dossier"]
    with pytest.raises(PermanentError):
        Feed(dossier, dossier.register.get("planner")).carry_out(_task(tools, ""))


def test_whoever_reads_on_from_a_number_misses_none_that_commits_later(tools_on_postgresql):
    """Two workers at once: the second waits for the first, so numbers become visible in their order."""
    tools = tools_on_postgresql
    dossier = tools.clinic.installation.tools["dossier"]
    feed = Feed(dossier, dossier.register.get("planner"))
    done = threading.Event()
    said = []

    def second() -> None:
        said.append(feed.carry_out(_task(tools, OTHER)))
        done.set()

    worker = threading.Thread(target=second)
    with dossier.database.transaction() as session:
        feed._put(session, _task(tools, INVOICE), tools.clinic.clock())
        worker.start()
        assert not done.wait(1)
        assert tools.feed()["items"] == []
    worker.join(10)
    assert isinstance(said[0], Pending)
    assert [change["decision"] for change in tools.feed()["items"]] == [INVOICE, OTHER]


def test_p33_an_answered_task_goes_when_its_term_is_over(tools):
    """One that nobody answered stays, as its obligation does."""
    answered, waiting = tools.decide(INVOICE), tools.decide(INVOICE)
    tools.answer(answered, {"outcome": "refused", "ground": "unlawful-instruction"})
    tools.clinic.settle()
    dossier = tools.clinic.installation.tools["dossier"]
    end_terms(dossier, tools.clinic.clock() + timedelta(days=360))
    assert len(tools.feed()["items"]) == 2
    end_terms(dossier, tools.clinic.clock() + timedelta(days=367))
    with dossier.database.reading() as session:
        assert session.scalars(sa.select(feed_tasks.c.decision)).all() == [waiting]


def test_p33_a_task_that_two_people_closed_goes_when_its_term_is_over(tools, closed):
    """A year after they closed it nobody is heard about it any more."""
    dossier = tools.clinic.installation.tools["dossier"]
    end_terms(dossier, tools.clinic.clock() + timedelta(days=360))
    assert [change["decision"] for change in tools.feed()["items"]] == [closed]
    end_terms(dossier, tools.clinic.clock() + timedelta(days=367))
    assert tools.feed()["items"] == []
