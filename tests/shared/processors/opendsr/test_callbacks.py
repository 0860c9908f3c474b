"""Callbacks: what is believed, what is refused, and that nothing else happens (C3 to C9, C12 to C14)."""

from __future__ import annotations

import json
import logging
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from services.sandbox.authority import issue, new_authority, self_signed
from shared.messaging.tables import outbox
from shared.processors.interface import Done, Pending
from shared.processors.opendsr import opendsr_announcements, opendsr_requests
from shared.propagation.giving import seal_name_of
from shared.propagation.tables import ASKED, FINISHED, OPEN, PARKED, obligations
from shared.propagation.worker import ObligationWorker
from shared.retention import end_terms
from tests.kit.installation import bare_service
from tests.kit.opendsr import DOMAIN, another_signer, headers, status
from tests.shared.processors.opendsr.desk import OURS, Desk, open_desk

PATH = "/intake/v1/opendsr/callbacks"


def test_a_callback_is_taken_without_any_call(desk: Desk) -> None:
    """202, the request moves, and the certificate that is known suffices."""
    desk.asked()
    for now in ("in_progress", "completed"):
        answer = desk.call_back(now)
        assert (answer.status_code, answer.data) == (202, b"")
        assert desk.row()["status"] == now
    assert desk.processor.calls == []
    outcome = desk.carry_out()
    assert isinstance(outcome, Done)
    assert json.loads(outcome.evidence.document)["source"] == "callback"
    assert desk.processor.calls == []


def test_c14_the_header_names_of_version_1_are_taken(desk: Desk) -> None:
    """A request goes on while a processor changes its version."""
    desk.asked()
    assert desk.call_back("completed", prefix="X-OpenGDPR").status_code == 202
    assert desk.row()["status"] == "completed"


def test_c3_a_bad_signature_is_refused_and_changes_nothing(desk: Desk) -> None:
    """403, and no receipt comes of it."""
    desk.asked()
    assert desk.call_back("completed", another_signer()).status_code == 403
    assert desk.row()["status"] == "pending"
    assert isinstance(desk.carry_out(), Pending)


@pytest.mark.parametrize("given", [{}, {"X-OpenDSR-Processor-Domain": DOMAIN}, {"X-OpenDSR-Signature": "AAAA"}])
def test_c3_what_is_not_signed_is_refused(desk: Desk, given: dict[str, str]) -> None:
    """Whoever it says it is."""
    body = status(desk.asked(), "completed", status_callback_url=OURS)
    assert desk.browser.post(PATH, data=body, headers=given).status_code == 403
    assert desk.row()["status"] == "pending"


@pytest.mark.parametrize("domain", ["opendsr.evil.example", "127.0.0.1", "", f"{DOMAIN}.evil.example"])
def test_c4_an_unknown_domain_causes_no_call(desk: Desk, domain: str) -> None:
    """The register says whom we call; a header of a stranger does not."""
    desk.asked()
    assert desk.call_back("completed", domain=domain).status_code == 403
    assert desk.processor.calls == []


def test_c4_a_processor_of_another_service_is_unknown_here(tmp_path: Path) -> None:
    """Each service hears the processors it faces."""
    for desk in open_desk(tmp_path, owner="dossier"):
        body = status("7f0c9a52-0d4b-4b6e-9d1b-0d6f1f5b7a10", "completed", status_callback_url=OURS)
        assert desk.call_back(body).status_code == 403
        assert desk.processor.calls == []


def test_c4_a_processor_that_ended_is_still_heard(tmp_path: Path) -> None:
    """It owes answers."""
    for desk in open_desk(tmp_path, status="ended"):
        desk.asked()
        assert desk.call_back("completed").status_code == 202


@pytest.mark.parametrize(
    "signer",
    [
        self_signed(DOMAIN),
        another_signer("other.example"),
        another_signer(ends=datetime.now(UTC) - timedelta(minutes=1)),
        issue(**new_authority("Another authority"), domain=DOMAIN),
    ],
)
def test_c5_a_certificate_that_proves_nothing_is_refused(desk: Desk, signer: Any) -> None:
    """Also when the processor itself hands it out."""
    desk.asked()
    desk.processor.signer = signer
    assert desk.call_back("completed", signer).status_code == 403
    assert desk.row()["status"] == "pending"


def test_c6_a_body_that_was_changed_on_the_way_is_refused(desk: Desk) -> None:
    """Every byte counts."""
    request_id = desk.asked()
    signed = status(request_id, "pending", status_callback_url=OURS)
    assert desk.call_back(signed, sent=signed.replace(b"pending", b"completed")).status_code == 403
    assert desk.call_back(signed, sent=signed + b"\n").status_code == 403
    assert desk.row()["status"] == "pending"


@pytest.mark.parametrize(
    "url", ["https://other.example/intake/v1/opendsr/callbacks", OURS + "/", OURS.replace("intake", "dossier"), None, 7]
)
def test_c7_a_callback_for_another_address_is_refused(desk: Desk, url: Any) -> None:
    """One that was meant for somebody else could be played to us."""
    desk.asked()
    assert desk.call_back("completed", status_callback_url=url).status_code == 403
    assert desk.row()["status"] == "pending"


def test_c8_a_replay_is_taken_and_changes_nothing(desk: Desk) -> None:
    """202 each time; the evidence stays what it was."""
    desk.asked()
    assert desk.call_back("completed").status_code == 202
    before = desk.row()
    desk.clock.forward(hours=1)
    assert desk.call_back("completed").status_code == 202
    assert desk.call_back("completed", api_version="2.0").status_code == 202
    assert desk.call_back("pending").status_code == 202
    assert dict(desk.row()) == dict(before)


@pytest.mark.parametrize(("first", "then"), [("cancelled", "completed"), ("completed", "cancelled")])
def test_c9_no_end_follows_another(desk: Desk, first: str, then: str, caplog: pytest.LogCaptureFixture) -> None:
    """Taken, flagged, said in the log and to staff, and never applied."""
    desk.asked()
    assert desk.call_back(first).status_code == 202
    assert desk.call_back(then).status_code == 202
    assert (desk.row()["status"], desk.row()["contradicted_by"]) == (first, then)
    assert "took back" in caplog.text


def test_c9_a_step_back_that_was_never_taken_is_flagged(desk: Desk) -> None:
    """Completed, and only then in progress."""
    desk.asked()
    desk.call_back("completed")
    desk.call_back("in_progress")
    assert (desk.row()["status"], desk.row()["contradicted_by"]) == ("completed", "in_progress")


def test_c12_after_a_new_certificate_the_callback_is_taken(desk: Desk) -> None:
    """Fetched once."""
    desk.asked()
    desk.processor.signer = another_signer()
    assert desk.call_back("completed", desk.processor.signer).status_code == 202
    assert [call[1] for call in desk.processor.calls] == ["/v2/discovery", "/cert.pem"]


def test_c12_bad_signatures_do_not_make_us_call_over_and_over(desk: Desk) -> None:
    """Anybody can post them: once a minute at most."""
    desk.asked()
    for _ in range(5):
        assert desk.call_back("completed", another_signer()).status_code == 403
    assert desk.processor.count("GET", "discovery") == 1
    desk.age(minutes=2)
    assert desk.call_back("completed", another_signer()).status_code == 403
    assert desk.processor.count("GET", "discovery") == 2


def test_a_certificate_that_cannot_be_had_now_is_our_trouble(desk: Desk) -> None:
    """503: the processor calls again."""
    desk.asked()
    with desk.tools.database.transaction() as session:
        session.execute(sa.delete(opendsr_announcements))
    desk.processor.answer = lambda *_: (503, {}, b"")  # type: ignore[method-assign]
    answer = desk.call_back("completed")
    assert (answer.status_code, desk.row()["status"]) == (503, "pending")


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"", b'{"request_status": "completed"}', b"[" * 100_000])
def test_c13_the_body_is_not_read_before_it_is_proven(desk: Desk, body: bytes) -> None:
    """Invalid JSON with a bad signature is a bad signature; with a good one it is invalid JSON."""
    desk.asked()
    if len(body) < 60_000:
        assert desk.call_back(body).status_code == 400
        assert desk.call_back(body, another_signer()).status_code == 403
    else:
        assert desk.call_back(body).status_code == 413


def test_a_deep_body_is_no_fault_of_ours(desk: Desk) -> None:
    """Signed as it may be."""
    desk.asked()
    assert desk.call_back(b"[" * 60_000).status_code == 400


def test_a_request_that_is_not_ours_is_not_found(desk: Desk) -> None:
    """404: so that the processor notices."""
    desk.asked()
    body = status("7f0c9a52-0d4b-4b6e-9d1b-0d6f1f5b7a10", "completed", status_callback_url=OURS)
    assert desk.call_back(body).status_code == 404


def test_what_is_refused_is_in_the_log_without_a_word_of_it(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Which processor and why; not the body, not the signature."""
    caplog.set_level(logging.INFO)
    request_id = desk.asked()
    desk.call_back("completed", another_signer(), note="Sanne")
    records = [record for record in caplog.records if "not proven" in record.message]
    assert [record.fields["processor"] for record in records] == ["website-host"]  # type: ignore[attr-defined]
    assert not [record for record in caplog.records if "Sanne" in str(vars(record)) or request_id in str(vars(record))]


def test_a_request_to_another_processor_is_not_this_ones_to_speak_of(desk: Desk) -> None:
    """Each signs for its own."""
    desk.asked()
    with desk.tools.database.transaction() as session:
        session.execute(sa.update(opendsr_requests).values(processor="another"))
    assert desk.call_back("completed").status_code == 404


def test_a_callback_ends_the_obligation_with_a_receipt_at_once(either_desk: Desk) -> None:
    """Asked by the worker, called back, and the receipt says: signed by the processor."""
    desk = either_desk
    worker = ObligationWorker(bare_service("intake"), desk.tools)
    oblige(desk)
    assert worker.work()
    assert not worker.work()
    assert obligation(desk)["state"] == ASKED
    assert desk.call_back("in_progress").status_code == 202
    assert not worker.work()
    assert desk.call_back("completed").status_code == 202
    assert worker.work()
    assert (obligation(desk)["state"], obligation(desk)["sealed"]) == (FINISHED, None)
    receipt = receipts(desk)[0]
    assert (receipt["outcome"], receipt["evidence"]["grade"]) == ("done", "processor-signed")
    assert desk.call_back("completed").status_code == 202
    assert not worker.work()
    assert len(receipts(desk)) == 1


@pytest.mark.parametrize("state", [OPEN, PARKED])
def test_a_callback_also_ends_what_was_to_be_tried_later_or_was_set_aside(desk: Desk, state: str) -> None:
    """When asking failed for days, the processor's own word still counts."""
    worker = ObligationWorker(bare_service("intake"), desk.tools)
    oblige(desk)
    assert worker.work()
    later = desk.clock() + timedelta(days=3)
    with desk.tools.database.transaction() as session:
        session.execute(sa.update(obligations).values(state=state, attempts=1, next_attempt_at=later))
    assert not worker.work()
    desk.call_back("completed")
    assert worker.work()
    assert obligation(desk)["state"] == FINISHED


def test_the_same_callback_many_times_at_once_is_one_receipt(either_desk: Desk) -> None:
    """Processors repeat, and load balancers too."""
    desk = either_desk
    worker = ObligationWorker(bare_service("intake"), desk.tools)
    oblige(desk)
    worker.work()
    body = status(desk.row()["id"], "completed", status_callback_url=OURS)
    clients = [desk.browser.application.test_client() for _ in range(6)]
    statuses: list[int] = []

    def post(client: Any) -> None:
        statuses.append(client.post(PATH, data=body, headers=headers(body)).status_code)

    threads = [threading.Thread(target=post, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [202] * 6
    while worker.work():
        pass
    assert len(receipts(desk)) == 1


def test_a_parked_cancellation_is_told_to_the_ledger(desk: Desk) -> None:
    """A failed receipt with what to do about it, and no terminal one."""
    worker = ObligationWorker(bare_service("intake"), desk.tools)
    oblige(desk)
    worker.work()
    desk.call_back("cancelled")
    worker.work()
    assert obligation(desk)["state"] == PARKED
    (receipt,) = receipts(desk)
    assert receipt["outcome"] == "failed"
    assert "ask its contact" in receipt["ground"]


def test_staff_see_the_requests_and_nobody_in_them(either_desk: Desk) -> None:
    """Latest first, page by page, with what was taken back."""
    desk = either_desk
    desk.asked()
    desk.call_back("completed")
    desk.call_back("cancelled")
    for number in (2, 3):
        desk.clock.forward(minutes=1)
        desk.carry_out(idempotency_key=f"intake-{number}", decision_id=f"decision-{number}")
    path, as_fg = "/intake/v1/opendsr/requests", {"Authorization": "Bearer fg"}
    first = desk.browser.get(f"{path}?limit=2", headers=as_fg).get_json()
    second = desk.browser.get(f"{path}?limit=2&cursor={first['next']}", headers=as_fg).get_json()
    rows = first["items"] + second["items"]
    assert [row["decision"] for row in rows] == ["decision-3", "decision-2", "decision-1"]
    assert (rows[2]["status"], rows[2]["contradicted_by"]) == ("completed", "cancelled")
    assert "voorbeeld" not in str(rows)
    assert desk.browser.get(path).status_code == 401
    assert desk.browser.get(path, headers={"Authorization": "Bearer assistant"}).status_code == 403


def test_p33_a_request_ends_a_year_after_it_was_closed(either_desk: Desk) -> None:
    """An open one stays."""
    desk = either_desk
    desk.asked()
    desk.call_back("completed")
    desk.carry_out(idempotency_key="intake-2", decision_id="decision-2")
    desk.clock.forward(days=360)
    end_terms(desk.tools, desk.clock())
    assert len(requests_of(desk)) == 2
    desk.clock.forward(days=10)
    end_terms(desk.tools, desk.clock())
    assert [row["decision"] for row in requests_of(desk)] == ["decision-2"]


def oblige(desk: Desk) -> None:
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
    sealed = desk.tools.vault.seal(seal_name_of(row), {"email": "sanne@voorbeeld.example"})
    with desk.tools.database.transaction() as session:
        session.execute(sa.insert(obligations).values(**row, sealed=sealed.ciphertext, key_id=sealed.key_id))


def obligation(desk: Desk) -> Any:
    """Return the only obligation."""
    with desk.tools.database.reading() as session:
        return session.execute(sa.select(obligations)).mappings().one()


def receipts(desk: Desk) -> list[dict[str, Any]]:
    """Return what the ledger was told."""
    with desk.tools.database.reading() as session:
        return [json.loads(body)["data"] for body in session.scalars(sa.select(outbox.c.body))]


def requests_of(desk: Desk) -> list[Any]:
    """Return all requests."""
    with desk.tools.database.reading() as session:
        return list(session.execute(sa.select(opendsr_requests)).mappings())
