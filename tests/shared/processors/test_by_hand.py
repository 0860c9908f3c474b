"""A processor that works by hand, from the task in its contact's mail to the receipt."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
import yaml

from shared.auth import Principal
from shared.errors import PermanentError
from shared.mail import MailFolder, outgoing_mails, send_due
from shared.messaging.tables import outbox
from shared.processors.by_hand import ByHand, by_hand_links, by_hand_tasks, withdraw
from shared.processors.by_hand.api import api
from shared.processors.interface import Done, NothingHeld, Pending, ProcessorTask, Refused, Retained, SubjectIdentifiers
from shared.propagation.giving import seal_name_of
from shared.propagation.tables import ASKED, FINISHED, OPEN, obligations
from shared.propagation.worker import ObligationWorker
from shared.retention import end_terms
from shared.web.app import build_app
from shared.web.mounts import Mount
from tests.kit.installation import Hands, Installation, bare_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask.testing import FlaskClient

    from shared.mail import StoredMail
    from shared.processors.interface import Outcome
    from shared.service import Tools

HOST = {
    "name": "Webhuis",
    "role": "website-host",
    "owner": "intake",
    "status": "active",
    "adapter": "by_hand",
    "receives": [{"category": "contact-forms", "fields": ["name", "email", "message"]}],
    "decisions": ["erasure", "term-end", "correction", "restriction"],
    "always": False,
    "agreement": {"signed": "2024-06-03", "ends": None, "sub_processors": []},
    "country": "NL",
    "transfer_ground": "none",
    "contact": {"name": "W. Webhuis", "email": "privacy@webhuis.example"},
    "answer_within": "P7D",
}
DONE = {"outcome": "done", "name": "W. Webhuis"}
HTML = {"Accept": "text/html"}


@dataclass
class Desk:
    """The service, the host's contact with a browser, and the clock."""

    tools: Tools
    clock: Hands
    browser: FlaskClient

    def carry_out(self, **parts: Any) -> Outcome:
        """Do what the obligation worker does."""
        return ByHand(self.tools, self.tools.register.get("website-host")).carry_out(_task(**parts))

    def mails(self) -> list[StoredMail]:
        """Return what the contact got, latest first."""
        while send_due(self.tools, self.clock()):
            pass
        return MailFolder(self.tools.settings.home / "mail").newest()

    def link(self) -> str:
        """Return the link in the contact's latest mail, below the origin."""
        found = re.search(r"http://127\.0\.0\.1:8000(/intake/by-hand/\S+)", self.mails()[0].text)
        assert found
        return found[1]

    def row(self) -> Any:
        """Return the only task."""
        with self.tools.database.reading() as session:
            return session.execute(sa.select(by_hand_tasks)).mappings().one()


def _task(**parts: Any) -> ProcessorTask:
    usual = {
        "decision_id": "decision-1",
        "action": "erasure",
        "subject": SubjectIdentifiers(email="anna@people.example", name="Anna de Vries"),
        "idempotency_key": "intake-1",
        "requested_at": datetime(2026, 11, 2, 9, tzinfo=UTC),
        "categories": ("contact-forms",),
    }
    return ProcessorTask(**usual | parts)


def _believe(token: str, _now: datetime) -> Principal:
    return Principal(subject="somebody", roles=frozenset({token}), issuer="console")


def _desk(tmp_path: Path, environ: dict[str, str]) -> Iterator[Desk]:
    register = tmp_path / "processors.yaml"
    register.write_text(yaml.safe_dump({"processors": {"website-host": HOST}}), encoding="utf-8")
    service = bare_service("intake")
    installation = Installation(
        tmp_path / "home", {"intake": service}, environ={"DISCREET_PROCESSORS": str(register), **environ}
    )
    tools = installation.tools["intake"]
    app = build_app([Mount(name="intake", tools=tools, apis=[api], authenticate=_believe)], limits=None)
    yield Desk(tools, installation.clock, app.test_client())
    installation.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """Give a service on SQLite that faces one host."""
    yield from _desk(tmp_path, {})


@pytest.fixture(params=["sqlite", "postgresql"])
def either_desk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Desk]:
    """Give the same on each of the two databases in turn."""
    postgresql = request.param == "postgresql"
    yield from _desk(tmp_path, request.getfixturevalue("postgres_environ")() if postgresql else {})


def test_a_task_is_mailed_to_the_contact_and_waits(desk: Desk) -> None:
    """Asked once, however often the worker looks."""
    assert isinstance(desk.carry_out(), Pending)
    assert isinstance(desk.carry_out(), Pending)
    (mail,) = desk.mails()
    assert mail.to == "privacy@webhuis.example"
    assert "Beste W. Webhuis" in mail.text
    assert "Dear W. Webhuis" in mail.text
    assert "uiterlijk op 9 november 2026." in mail.text  # the agreement gives seven days
    assert "answer by 9 November 2026." in mail.text
    assert max(len(line) for line in mail.text.splitlines() if "http" not in line) < 100
    assert "uiterlijk op 9 november 2026." in desk.browser.get(desk.link(), headers=HTML).text


def test_p4_the_mail_holds_no_personal_data_and_the_page_behind_the_link_does(desk: Desk) -> None:
    """Mail lies about; the page shows whom it is about only to who has the link."""
    desk.carry_out()
    (mail,) = desk.mails()
    assert not re.search("anna|vries|people", mail.text + mail.subject, re.IGNORECASE)
    page = desk.browser.get(desk.link(), headers=HTML)
    assert page.status_code == 200
    for shown in ("Anna de Vries", "anna@people.example", "contactformulieren", "Wis alle gegevens"):
        assert shown in page.text
    assert "contact-forms" not in page.text


def test_looking_at_the_task_answers_nothing(desk: Desk) -> None:
    """Mail scanners follow links."""
    desk.carry_out()
    link = desk.link()
    for _ in range(3):
        assert desk.browser.get(link).status_code == 200
    assert isinstance(desk.carry_out(), Pending)


@pytest.mark.parametrize(
    ("stated", "outcome"),
    [
        ({"outcome": "done"}, Done),
        ({"outcome": "nothing-held"}, NothingHeld),
        ({"outcome": "retained", "ground": "backup-rotation", "until": "2026-12-07"}, Retained),
        ({"outcome": "refused", "ground": "unlawful-instruction"}, Refused),
    ],
)
def test_what_is_stated_is_the_outcome(desk: Desk, stated: dict[str, str], outcome: type) -> None:
    """With evidence that says no more than that somebody stated it."""
    desk.carry_out()
    page = desk.browser.post(desk.link(), data={**stated, "name": "W. Webhuis", "remark": "", "language": "nl"})
    assert page.status_code == 200
    found = desk.carry_out()
    assert isinstance(found, outcome)
    assert not isinstance(found, Pending)
    assert found.evidence.grade == "statement"
    assert json.loads(found.evidence.document)["outcome"] == stated["outcome"]
    if isinstance(found, Retained):
        assert (found.ground, found.until) == ("backup-rotation", date(2026, 12, 7))
    if isinstance(found, Refused):
        assert found.ground == "unlawful-instruction"


def test_the_evidence_holds_nobodys_name_and_none_of_their_words(desk: Desk) -> None:
    """Receipts are kept for decades: of the statement they carry a digest, which cannot be guessed."""
    desk.carry_out()
    desk.browser.post(
        desk.link(), data={"outcome": "done", "name": "W. Webhuis", "remark": "Anna stond in twee lijsten"}
    )
    found = desk.carry_out()
    assert isinstance(found, Done)
    assert not re.search(rb"webhuis\.|W\. |anna|lijsten", found.evidence.document, re.IGNORECASE)
    plain = [{"name": "W. Webhuis", "remark": "Anna stond in twee lijsten"}]
    assert json.loads(found.evidence.document)["statement_sha256"] not in map(_sha256_of, plain)
    assert desk.carry_out() == found


def test_whom_it_was_about_is_forgotten_with_the_answer(desk: Desk) -> None:
    """The row loses it and its key is destroyed."""
    desk.carry_out()
    key = desk.row()["subject_key_id"]
    desk.browser.post(desk.link(), data=DONE)
    row = desk.row()
    assert (row["subject"], row["subject_key_id"]) == (None, None)
    assert desk.tools.vault.surviving([key]) == set()


def test_the_link_is_stored_as_a_digest_only(desk: Desk) -> None:
    """Whoever reads the database cannot answer for the processor."""
    desk.carry_out()
    token = desk.link().rpartition("/")[2]
    with desk.tools.database.reading() as session:
        rows = [
            str(row)
            for table in (by_hand_tasks, by_hand_links, outgoing_mails)
            for row in session.execute(sa.select(table))
        ]
    assert rows
    assert token not in "".join(rows)
    assert len(token) >= 43


def test_the_same_answer_twice_is_one_and_another_one_is_refused(desk: Desk) -> None:
    """A double click harms nobody; nobody changes what was declared."""
    desk.carry_out()
    link = desk.link()
    assert [desk.browser.post(link, data=DONE, headers=HTML).status_code for _ in range(2)] == [200, 200]
    other = {"outcome": "nothing-held", "name": "W. Webhuis"}
    assert desk.browser.post(link, json=other).status_code == 409
    assert desk.browser.post(link, json={**DONE, "name": "Somebody Else"}).status_code == 409
    refused = desk.browser.post(link, data=other, headers=HTML)
    assert (refused.status_code, "al beantwoord" in refused.text) == (410, True)
    assert isinstance(desk.carry_out(), Done)


def test_a_used_link_shows_nobody_any_more(desk: Desk) -> None:
    """410, in the reader's language, without a name."""
    desk.carry_out()
    link = desk.link()
    desk.browser.post(link, data=DONE)
    gone = desk.browser.get(link, headers={**HTML, "Accept-Language": "en"})
    assert gone.status_code == 410
    assert "answered already" in gone.text
    assert "Anna" not in gone.text


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"outcome": "retained", "name": "W."}, "ground"),
        ({"outcome": "retained", "name": "W.", "ground": "fiscal-retention"}, "until"),
        ({"outcome": "retained", "name": "W.", "ground": "fiscal-retention", "until": "2026-11-02"}, "until"),
        ({"outcome": "retained", "name": "W.", "ground": "too-much-work", "until": "2030-01-01"}, "ground"),
        ({"outcome": "refused", "name": "W.", "ground": "fiscal-retention"}, "ground"),
        ({"outcome": "done", "name": "W.", "ground": "legal-duty"}, "ground"),
        ({"outcome": "done", "name": "W.", "until": "2030-01-01"}, "until"),
        ({"outcome": "done"}, "name"),
        ({"name": "W."}, "outcome"),
        ({"outcome": "perhaps", "name": "W."}, "outcome"),
    ],
)
def test_an_incomplete_answer_is_asked_again_with_what_was_typed(desk: Desk, wrong: dict[str, str], field: str) -> None:
    """Grounds come from the policy's closed lists, and a promise to erase later needs a day to come."""
    desk.carry_out()
    link = desk.link()
    page = desk.browser.post(link, data={**wrong, "remark": "Half getypt"}, headers=HTML)
    assert page.status_code == 422
    assert f'id="{field}-wrong-1"' in page.text
    assert "Half getypt" in page.text
    assert field in desk.browser.post(link, json=wrong).get_json()["errors"]
    assert isinstance(desk.carry_out(), Pending)


@pytest.mark.parametrize("token", ["x", "a" * 43, "a" * 5000, "%00"])
def test_a_link_that_never_was_opens_nothing(desk: Desk, token: str) -> None:
    """404, whatever it looks like."""
    desk.carry_out()
    assert desk.browser.get(f"/intake/by-hand/{token}").status_code == 404
    assert desk.browser.post(f"/intake/by-hand/{token}", data=DONE).status_code == 404


def test_the_contact_is_reminded_and_every_link_works_until_its_time_is_over(desk: Desk) -> None:
    """A reminder after five days and not before; the first link expires after three weeks, a later one works."""
    desk.carry_out()
    first = desk.link()
    desk.clock.forward(days=4)
    desk.carry_out()
    assert len(desk.mails()) == 1
    desk.clock.forward(days=1)
    desk.carry_out()
    desk.carry_out()
    assert [mail.subject.split(" ")[1] for mail in desk.mails()] == ["Herinnering:", "Taak"]
    second = desk.link()
    assert [desk.browser.get(link).status_code for link in (first, second)] == [200, 200]
    desk.clock.forward(days=16)
    assert [desk.browser.get(link).status_code for link in (first, second)] == [410, 200]
    assert desk.browser.post(first, data=DONE).status_code == 410
    assert desk.browser.post(second, data=DONE).status_code == 200
    desk.clock.forward(days=30)
    assert isinstance(desk.carry_out(), Done)
    assert len(desk.mails()) == 2


def test_a_worker_looks_again_within_a_day(desk: Desk) -> None:
    """The net under the wake-up that an answer gives."""
    pending = desk.carry_out()
    assert isinstance(pending, Pending)
    assert (pending.check_at - desk.clock()).total_seconds() == 24 * 60 * 60


def test_a_withdrawn_task_shows_nobody_and_is_not_done(desk: Desk) -> None:
    """Its link is gone, a mail that was not sent stays unsent, and the worker is told."""
    desk.carry_out()
    link = desk.link()
    desk.clock.forward(days=5)
    desk.carry_out()
    key = desk.row()["subject_key_id"]
    with desk.tools.database.transaction() as session:
        assert withdraw(session, desk.tools, "decision-1", "website-host", now=desk.clock()) == 1
        assert withdraw(session, desk.tools, "decision-1", "website-host", now=desk.clock()) == 0
    assert desk.browser.get(link).status_code == 410
    assert desk.browser.post(link, data=DONE).status_code == 410
    assert len(desk.mails()) == 1
    assert desk.tools.vault.surviving([key]) == set()
    with pytest.raises(PermanentError):
        desk.carry_out()


def test_a_task_without_a_person_is_not_asked(desk: Desk) -> None:
    """Nobody can erase somebody they are not told of: staff must look."""
    with pytest.raises(PermanentError):
        desk.carry_out(subject=SubjectIdentifiers())
    assert desk.mails() == []


def test_a_correction_shows_how_it_should_be(desk: Desk) -> None:
    """The new values stand on the page, and nowhere in the mail."""
    desk.carry_out(action="correction", corrected={"email": "anna.new@people.example"})
    page = desk.browser.get(desk.link())
    assert "anna.new@people.example" in page.text
    assert "Verbeter de gegevens" in page.text
    assert "anna.new" not in desk.mails()[0].text


def test_what_a_person_is_called_cannot_change_the_page(desk: Desk) -> None:
    """A name with markup in it is shown as it is."""
    desk.carry_out(subject=SubjectIdentifiers(name="<script>alert(1)</script>"))
    page = desk.browser.get(desk.link())
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("action", ["erasure", "term-end", "restriction", "objection", "withdrawal", "other"])
def test_every_task_is_said_in_words_of_people(desk: Desk, language: str, action: str) -> None:
    """Never in the code's own."""
    desk.carry_out(action=action)
    page = desk.browser.get(desk.link(), headers={"Accept-Language": language})
    assert page.headers["Content-Language"] == language
    assert f"<strong>{action}" not in page.text


def test_of_two_answers_at_once_one_counts(either_desk: Desk) -> None:
    """The other is told so."""
    either_desk.carry_out()
    link = either_desk.link()
    answers = [{"outcome": "done", "name": f"Person {number}"} for number in range(6)]
    statuses: list[int] = []
    clients = [either_desk.browser.application.test_client() for _ in answers]

    def answer(client: FlaskClient, data: dict[str, str]) -> None:
        statuses.append(client.post(link, data=data).status_code)

    threads = [threading.Thread(target=answer, args=pair) for pair in zip(clients, answers, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 409, 409, 409, 409, 409]


def test_an_answer_ends_the_obligation_with_a_receipt_at_once(either_desk: Desk) -> None:
    """Asked by the worker, answered by the contact, and the receipt says: statement."""
    desk = either_desk
    worker = ObligationWorker(bare_service("intake"), desk.tools)
    _oblige(desk)
    assert worker.work()
    assert not worker.work()
    assert _obligation(desk)["state"] == ASKED
    desk.clock.forward(hours=1)
    desk.browser.post(desk.link(), data=DONE)
    assert worker.work()
    assert _obligation(desk)["state"] == FINISHED
    with desk.tools.database.reading() as session:
        body = session.scalar(sa.select(outbox.c.body))
    receipt = json.loads(str(body))["data"]
    assert (receipt["processor"], receipt["outcome"], receipt["evidence"]["grade"]) == (
        "website-host",
        "done",
        "statement",
    )
    assert "Webhuis" not in str(body).replace("website-host", "")


def test_staff_see_the_tasks_and_the_privacy_coordinator_who_stated_what(either_desk: Desk) -> None:
    """Latest first, page by page, without the person; the statement for who acts."""
    desk = either_desk
    desk.carry_out()
    desk.browser.post(desk.link(), data={**DONE, "remark": "Gewist op alle servers"})
    for number in (2, 3):
        desk.clock.forward(minutes=1)
        desk.carry_out(idempotency_key=f"intake-{number}", decision_id=f"decision-{number}")
    as_fg = {"Authorization": "Bearer fg"}
    first = desk.browser.get("/intake/v1/by-hand-tasks?limit=2", headers=as_fg).get_json()
    second = desk.browser.get(f"/intake/v1/by-hand-tasks?limit=2&cursor={first['next']}", headers=as_fg).get_json()
    assert [task["decision"] for task in first["items"] + second["items"]] == ["decision-3", "decision-2", "decision-1"]
    assert "anna" not in str(first).lower()
    one = f"/intake/v1/by-hand-tasks/{second['items'][0]['id']}"
    assert desk.browser.get(one, headers=as_fg).status_code == 403
    shown = desk.browser.get(one, headers={"Authorization": "Bearer privacy-coordinator"}).get_json()
    assert (shown["stated_by"], shown["remark"], shown["outcome"]) == ("W. Webhuis", "Gewist op alle servers", "done")
    assert desk.browser.get("/intake/v1/by-hand-tasks").status_code == 401


def test_p33_a_task_ends_a_year_after_it_was_closed(either_desk: Desk) -> None:
    """With its links and its statement; an open one stays."""
    desk = either_desk
    desk.carry_out()
    desk.browser.post(desk.link(), data=DONE)
    key = desk.row()["statement_key_id"]
    desk.clock.forward(days=360)
    end_terms(desk.tools, desk.clock())
    assert desk.row()["statement_key_id"] == key
    desk.carry_out(idempotency_key="intake-2", decision_id="decision-2")
    desk.clock.forward(days=10)
    end_terms(desk.tools, desk.clock())
    assert desk.row()["decision"] == "decision-2"
    with desk.tools.database.reading() as session:
        assert session.scalars(sa.select(by_hand_links.c.task)).all() == [desk.row()["id"]]


def _oblige(desk: Desk) -> None:
    """Store an obligation as a decision makes it."""
    row: dict[str, Any] = {
        "decision": "decision-1",
        "decision_sha256": "0" * 64,
        "kind": "erasure",
        "processor": "website-host",
        "action": "erasure",
        "subject": "form-1",
        "records": {"contact-forms": ["form-1"]},
        "refs": [],
        "requested_at": desk.clock(),
        "due_at": desk.clock(),
        "state": OPEN,
        "progress": {},
        "attempts": 0,
        "next_attempt_at": desk.clock(),
    }
    sealed = desk.tools.vault.seal(seal_name_of(row), {"email": "anna@people.example"})
    with desk.tools.database.transaction() as session:
        session.execute(sa.insert(obligations).values(**row, sealed=sealed.ciphertext, key_id=sealed.key_id))


def _obligation(desk: Desk) -> Any:
    with desk.tools.database.reading() as session:
        return session.execute(sa.select(obligations)).mappings().one()


def _sha256_of(content: dict[str, str]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
