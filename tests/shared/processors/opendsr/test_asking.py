"""The adapter against a processor over HTTP: what is sent, what is believed, what comes of it (C1 to C3, C9 to C12)."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.errors import ConfigurationError, PermanentError, RetryableError
from shared.processors.interface import Done, Pending, Staying, SubjectIdentifiers
from shared.processors.opendsr.signatures import UnprovenError
from shared.processors.opendsr.wire import UnreadableAnswerError
from tests.kit.opendsr import DOMAIN, EXPECTED, SIGNER, another_signer, status
from tests.shared.processors.opendsr.desk import EMAIL, OURS, Desk, open_desk

UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def test_c1_a_request_has_every_required_field_and_an_id_of_version_4(desk: Desk) -> None:
    """And our address for callbacks, which the specification only recommends."""
    assert isinstance(desk.carry_out(), Pending)
    sent = desk.processor.sent()
    assert re.fullmatch(UUID4, sent.pop("subject_request_id"))
    assert sent == {
        "regulation": "gdpr",
        "subject_request_type": "erasure",
        "submitted_time": "2026-11-01T09:30:00Z",
        "subject_identities": [{"identity_type": "email", "identity_value": EMAIL, "identity_format": "raw"}],
        "api_version": "2.0",
        "status_callback_urls": [OURS],
    }


def test_every_address_of_the_person_goes_in_one_request(desk: Desk) -> None:
    """Each once."""
    subject = SubjectIdentifiers(
        email="a@voorbeeld.example", more_emails=("b@voorbeeld.example", "a@voorbeeld.example")
    )
    desk.carry_out(subject=subject)
    values = [each["identity_value"] for each in desk.processor.sent()["subject_identities"]]
    assert values == ["a@voorbeeld.example", "b@voorbeeld.example"]


def test_c2_an_address_goes_in_a_format_that_was_announced(desk: Desk) -> None:
    """Hashed trimmed and in lower case, where only hashes are taken."""
    desk.processor.identities = [("email", "md5"), ("email", "sha256"), ("ios_vendor_id", "raw")]
    desk.carry_out()
    (identity,) = desk.processor.sent()["subject_identities"]
    assert identity["identity_format"] == "sha256"
    assert identity["identity_value"] == hashlib.sha256(EMAIL.lower().encode()).hexdigest()
    assert "voorbeeld" not in json.dumps(desk.processor.sent())


@pytest.mark.parametrize(
    "announced",
    [
        {"types": ["access", "portability"]},
        {"identities": [("email", "md5"), ("email", "sha1")]},
        {"identities": [("controller_customer_id", "raw")]},
        {"identities": []},
    ],
)
def test_c2_what_was_not_announced_is_not_sent(desk: Desk, announced: dict[str, Any]) -> None:
    """A person must look; the processor hears nothing of anybody."""
    vars(desk.processor).update(announced)
    with pytest.raises(PermanentError, match="does not announce"):
        desk.carry_out()
    assert desk.processor.count("POST", "") == 0


def test_the_register_may_choose_the_format(tmp_path: Path) -> None:
    """For a processor that is told of people it may never have heard of."""
    for desk in open_desk(tmp_path, settings={"identity_format": "sha256"}):
        desk.carry_out()
        assert desk.processor.sent()["subject_identities"][0]["identity_format"] == "sha256"
        desk.processor.identities = [("email", "raw")]
        desk.age(days=2)
        with pytest.raises(PermanentError):
            desk.carry_out(idempotency_key="intake-2")


def test_it_is_asked_once_and_then_asked_how_far_it_is(desk: Desk) -> None:
    """The same request over every look, until it is done."""
    first = desk.carry_out()
    assert isinstance(first, Pending)
    for now in ("pending", "in_progress", "in_progress"):
        desk.processor.status = now
        assert isinstance(desk.carry_out(), Pending)
    desk.processor.status = "completed"
    assert isinstance(desk.carry_out(), Done)
    assert (desk.processor.count("POST", "requests"), desk.processor.count("GET", "requests")) == (1, 4)
    assert isinstance(desk.carry_out(), Done)
    assert desk.processor.count("GET", "requests") == 4


def test_it_is_looked_at_when_it_expects_to_be_done_but_within_hours(desk: Desk) -> None:
    """Silence is no failure; a callback that got lost costs six hours at most."""

    def wait(expected: Any) -> timedelta:
        made = status(desk.row()["id"], "pending", expected_completion_time=expected)
        desk.processor.say(200, made)
        outcome = desk.carry_out()
        assert isinstance(outcome, Pending)
        return outcome.check_at - desk.clock()

    first = desk.carry_out()
    assert isinstance(first, Pending)
    assert first.check_at - desk.clock() == timedelta(hours=6)
    assert desk.row()["expected_at"] == datetime.fromisoformat(EXPECTED)
    assert wait("x") == timedelta(hours=6)
    assert wait("2026-11-02T12:00:00Z") == timedelta(hours=3)
    desk.clock.now = datetime.fromisoformat(EXPECTED) - timedelta(hours=2)
    assert wait(EXPECTED) == timedelta(hours=2)
    desk.clock.forward(hours=2, seconds=-5)
    assert wait(EXPECTED) == timedelta(minutes=1)


def test_overdue_it_is_asked_every_hour(desk: Desk) -> None:
    """That it is late, the ledger says by the decision's own due date."""
    desk.carry_out()
    desk.clock.forward(days=40)
    outcome = desk.carry_out()
    assert isinstance(outcome, Pending)
    assert outcome.check_at - desk.clock() == timedelta(hours=1)


@pytest.mark.parametrize("spelled", ["completed", "COMPLETED"])
def test_the_end_is_evidence_that_anybody_can_check_again(desk: Desk, spelled: str) -> None:
    """The raw bytes, the signature, the certificates, and what was checked and what was not; no 201."""
    desk.carry_out()
    body = status(desk.row()["id"], spelled)
    desk.processor.say(200, body)
    outcome = desk.carry_out()
    assert isinstance(outcome, Done)
    assert outcome.evidence.grade == "processor-signed"
    shown = json.loads(outcome.evidence.document)
    assert base64.b64decode(shown["body"]) == body
    assert shown["body_sha256"] == hashlib.sha256(body).hexdigest()
    assert shown["x_opendsr_signature"] == SIGNER.sign(body)
    assert (shown["x_opendsr_processor_domain"], shown["source"]) == (DOMAIN, "status")
    assert "".join(shown["certificates"]) == SIGNER.certificates
    assert any("revoked" in each for each in shown["not_checked"])
    assert desk.carry_out() == outcome


@pytest.mark.parametrize(
    "more",
    [
        {"encoded_request": base64.b64encode(EMAIL.encode()).decode()},
        {"controller_id": EMAIL},
        {"results_url": "https://webhuis.example/results/7"},
        {"extensions": {DOMAIN: {"who": "Sanne"}}},
        {"controller_id": ["Sanne"]},
        {"controller_id": "x" * 5000},
    ],
)
def test_an_end_that_says_more_than_a_status_is_kept_as_a_digest(desk: Desk, more: dict[str, Any]) -> None:
    """Receipts stay for decades; without its bytes nobody else can check the signature, and the grade says so."""
    desk.carry_out()
    body = status(desk.row()["id"], "completed", **more)
    desk.processor.say(200, body)
    outcome = desk.carry_out()
    assert isinstance(outcome, Done)
    assert outcome.evidence.grade == "api-confirmed"
    shown = json.loads(outcome.evidence.document)
    assert "body" not in shown
    assert shown["body_sha256"] == hashlib.sha256(body).hexdigest()


def test_one_name_twice_does_not_smuggle_an_address_into_the_evidence(desk: Desk) -> None:
    """A reader takes the last of two; the bytes hold both."""
    desk.carry_out()
    body = status(desk.row()["id"], "completed").replace(b"{", b'{"controller_id": "%s",' % EMAIL.encode(), 1)
    desk.processor.say(200, body)
    outcome = desk.carry_out()
    assert isinstance(outcome, Done)
    assert outcome.evidence.grade == "api-confirmed"


@pytest.mark.parametrize("step", ["201", "status"])
@pytest.mark.parametrize(
    "signing",
    [
        {"signer": another_signer()},
        {"domain": "opendsr.other.example"},
        {"prefix": "X-Other"},
    ],
)
def test_c3_an_answer_with_a_bad_signature_is_no_answer(desk: Desk, step: str, signing: dict[str, Any]) -> None:
    """Nothing of it is recorded; a later attempt may bring a good one."""
    if step == "status":
        desk.carry_out()
    known = desk.row()
    request_id = known["id"] if known else "unknown"
    code = 200 if step == "status" else 201
    desk.processor.say(code, status(request_id, "completed"), **signing)
    with pytest.raises(UnprovenError):
        desk.carry_out()
    assert desk.row()["status"] == ("pending" if step == "status" else "new")
    assert isinstance(desk.carry_out(), Pending)


@pytest.mark.parametrize("about", ["another", "none"])
def test_an_answer_about_another_request_is_no_answer(desk: Desk, about: str) -> None:
    """Signed as it may be."""
    desk.carry_out()
    other = "7f0c9a52-0d4b-4b6e-9d1b-0d6f1f5b7a10"
    body = status(other, "completed") if about == "another" else b'{"request_status": "completed"}'
    desk.processor.say(200, body)
    with pytest.raises(UnreadableAnswerError):
        desk.carry_out()
    assert desk.row()["status"] == "pending"


@pytest.mark.parametrize("spelled", ["done", "", "failed"])
def test_a_status_that_opendsr_does_not_have_is_no_answer(desk: Desk, spelled: str) -> None:
    """Nobody guesses what it may mean."""
    desk.carry_out()
    desk.processor.say(200, status(desk.row()["id"], spelled))
    with pytest.raises(UnreadableAnswerError):
        desk.carry_out()


def test_c9_a_status_that_goes_backwards_is_flagged_and_not_applied(desk: Desk) -> None:
    """The request stays what it was, and staff see that something is odd."""
    desk.carry_out()
    request_id = desk.asked()
    desk.processor.say(200, status(request_id, "in_progress"))
    desk.carry_out()
    assert desk.row()["contradicted_by"] is None
    desk.processor.say(200, status(request_id, "pending"))
    desk.carry_out()
    assert (desk.row()["status"], desk.row()["contradicted_by"]) == ("in_progress", "pending")


def test_c12_a_new_certificate_is_fetched_once_when_the_known_one_fails(desk: Desk) -> None:
    """A processor may change its key at any time."""
    desk.carry_out()
    assert desk.processor.count("GET", "discovery") == 1
    desk.processor.signer = another_signer()
    assert isinstance(desk.carry_out(), Pending)
    assert desk.processor.count("GET", "discovery") == 2
    assert isinstance(desk.carry_out(), Pending)
    assert desk.processor.count("GET", "discovery") == 2


def test_c12_it_is_fetched_once_and_not_over_and_over(desk: Desk) -> None:
    """When the new one fails too, it waits for the next attempt."""
    desk.carry_out()
    desk.processor.say(200, status(desk.row()["id"], "pending"), signer=another_signer())
    with pytest.raises(UnprovenError) as caught:
        desk.carry_out()
    assert desk.processor.count("GET", "discovery") == 2
    assert caught.value.retry_after == 3600


def test_what_was_announced_is_asked_again_each_day(desk: Desk) -> None:
    """Before a new request goes out."""
    desk.carry_out()
    desk.carry_out(idempotency_key="intake-2")
    assert desk.processor.count("GET", "discovery") == 1
    desk.age(hours=25)
    desk.carry_out(idempotency_key="intake-3")
    assert desk.processor.count("GET", "discovery") == 2


def test_the_certificate_is_fetched_from_the_processors_own_host_only(desk: Desk) -> None:
    """Whatever discovery says: P3 holds for it too."""
    desk.processor.origin = "http://127.0.0.2:9"
    with pytest.raises(PermanentError, match="not on a host"):
        desk.carry_out()


def test_c11_too_many_calls_wait_as_long_as_they_said(desk: Desk) -> None:
    """429 with Retry-After; a 5xx without it is tried again by our own clock."""
    desk.processor.says = [(429, {"Retry-After": "77"}, b""), (503, {}, b"")]
    with pytest.raises(RetryableError) as busy:
        desk.carry_out()
    assert busy.value.retry_after == 77
    with pytest.raises(RetryableError) as down:
        desk.carry_out()
    assert down.value.retry_after is None
    assert isinstance(desk.carry_out(), Pending)


def test_c11_a_request_that_is_refused_is_not_repeated(desk: Desk) -> None:
    """400, and it does not know the id: a person must look. What it said is not repeated."""
    desk.processor.says = [(400, {}, EMAIL.encode()), (404, {}, b"")]
    with pytest.raises(PermanentError) as caught:
        desk.carry_out()
    assert "voorbeeld" not in caught.value.detail


@pytest.mark.parametrize("code", [401, 403, 405])
def test_a_refused_key_or_route_needs_a_person(desk: Desk, code: int) -> None:
    """No attempt will go better."""
    desk.processor.says = [(code, {}, b"")]
    with pytest.raises(PermanentError):
        desk.carry_out()


@pytest.mark.parametrize("duplicate", [400, 409])
def test_a_request_whose_answer_got_lost_is_found_again(desk: Desk, duplicate: int) -> None:
    """The second attempt has the same id, and a duplicate is looked up."""
    desk.processor.says = [(500, {}, b"")]
    with pytest.raises(RetryableError):
        desk.carry_out()
    request_id = desk.row()["id"]
    desk.processor.says = [(duplicate, {}, b"")]
    desk.processor.status = "completed"
    assert isinstance(desk.carry_out(), Done)
    posted = [json.loads(call[3])["subject_request_id"] for call in desk.processor.calls if call[0] == "POST"]
    assert posted == [request_id, request_id]


def test_another_open_request_about_the_person_is_waited_out(desk: Desk) -> None:
    """409, and it does not know the id: some take one request about a person at a time."""
    desk.processor.says = [(409, {}, b""), (404, {}, b"")]
    assert isinstance(desk.carry_out(), Pending)
    assert desk.row()["status"] == "new"
    desk.carry_out()
    assert desk.row()["status"] == "pending"


@pytest.mark.parametrize("unknown", [400, 404, 410])
def test_a_request_that_it_forgot_is_not_done(desk: Desk, unknown: int) -> None:
    """It took it, never said it was done, and knows nothing of it: a person must ask."""
    desk.carry_out()
    desk.processor.says = [(unknown, {}, b"")]
    with pytest.raises(PermanentError, match="does not know"):
        desk.carry_out()


@pytest.mark.parametrize("spelled", ["cancelled", "canceled"])
def test_a_cancelled_request_is_for_a_person_and_can_be_asked_again(desk: Desk, spelled: str) -> None:
    """OpenDSR has no word for no; tried again after somebody asked, it is a new request with a new id."""
    desk.carry_out()
    first = desk.asked()
    desk.processor.say(200, status(first, spelled))
    with pytest.raises(PermanentError, match="cancelled"):
        desk.carry_out()
    assert isinstance(desk.carry_out(), Pending)
    assert (desk.row()["number"], desk.row()["status"]) == (2, "pending")
    assert desk.processor.sent()["subject_request_id"] == desk.row()["id"] != first


def test_c10_the_encoded_request_is_kept_nowhere(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """Not in a table, not in a file, not in the log: it repeats whom it is about."""
    caplog.set_level(logging.DEBUG)
    desk.carry_out()
    desk.processor.status = "completed"
    desk.carry_out()
    sent = next(call[3] for call in desk.processor.calls if call[0] == "POST")
    traces = [
        sent,
        base64.b64encode(sent)[:60],
        EMAIL.encode(),
        base64.b64encode(EMAIL.encode())[:20],
        b"encoded_request",
    ]
    desk.tools.close()
    files = [path.read_bytes() for path in desk.home.rglob("*") if path.is_file()]
    assert any(desk.row()["id"].encode() in content for content in files)
    for content in [*files, caplog.text.encode()]:
        assert not [trace for trace in traces if trace.lower() in content.lower()]


@pytest.mark.parametrize("action", ["correction", "restriction", "objection", "withdrawal", "portability"])
def test_what_opendsr_cannot_say_goes_to_its_contact(desk: Desk, action: str) -> None:
    """Everybody who has data is told of these too (art. 19 AVG)."""
    assert isinstance(desk.carry_out(action=action), Pending)
    assert [each["action"] for each in desk.by_hand()] == [action]
    assert desk.processor.calls == []


def test_somebody_without_an_address_goes_to_its_contact(desk: Desk) -> None:
    """OpenDSR knows no telephone numbers."""
    desk.carry_out(subject=SubjectIdentifiers(phone="+31612345678"))
    assert len(desk.by_hand()) == 1
    assert desk.processor.calls == []


@pytest.mark.parametrize("action", ["erasure", "term-end"])
def test_where_something_has_to_stay_its_contact_is_asked(desk: Desk, action: str) -> None:
    """A request by OpenDSR means everything of the person."""
    stays = (Staying(category="contact-forms", ground="legal-claim"),)
    desk.carry_out(action=action, stays=stays)
    assert len(desk.by_hand()) == 1
    assert desk.processor.calls == []
    desk.carry_out(action=action, idempotency_key="intake-2")
    assert desk.processor.count("POST", "requests") == 1


@pytest.fixture
def scoped(tmp_path: Path) -> Iterator[Desk]:
    """Give a processor that reads which categories are meant."""
    yield from open_desk(tmp_path, settings={"scope": "categories"})


@pytest.mark.parametrize(
    ("stays", "by_hand"), [((), 0), (("invoices",), 0), (("quotes",), 1), (("invoices", "quotes"), 1)]
)
def test_a_processor_that_reads_categories_is_told_which(scoped: Desk, stays: tuple[str, ...], by_hand: int) -> None:
    """In its extension; part of a category it cannot be told."""
    parts = tuple(Staying(category=each, ground="fiscal-retention") for each in stays)
    scoped.carry_out(categories=("reports", "quotes"), stays=parts)
    assert len(scoped.by_hand()) == by_hand
    if not by_hand:
        assert scoped.processor.sent()["extensions"] == {DOMAIN: {"data_categories": ["quotes", "reports"]}}


def test_a_decision_about_no_records_goes_to_the_contact_of_such_a_processor(scoped: Desk) -> None:
    """No categories would mean everything."""
    scoped.carry_out(categories=())
    assert len(scoped.by_hand()) == 1


@pytest.mark.parametrize("action", ["read", "subscribe"])
def test_an_action_that_is_no_decision_is_refused(desk: Desk, action: str) -> None:
    """Nobody is given anything by OpenDSR."""
    with pytest.raises(PermanentError):
        desk.carry_out(action=action)
    assert desk.by_hand() == []


@pytest.mark.parametrize(
    ("settings", "because"),
    [
        ({"padding": "none"}, "padding"),
        ({"scope": "some"}, "scope"),
        ({"identity_format": "md5"}, "identity_format"),
        ({"authority": "-----BEGIN"}, "authority"),
        ({"colour": "blue"}, "colour"),
        ({"base_url": "https://opendsr.webhuis.example/v2", "domain": "other.example"}, "domain"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, settings: dict[str, str], because: str) -> None:
    """Before anything is sent."""
    for desk in open_desk(tmp_path, settings=settings):
        with pytest.raises(ConfigurationError, match=because):
            desk.carry_out()


def test_what_lets_us_in_goes_with_every_call(tmp_path: Path) -> None:
    """A token, or a name and a password: OpenDSR leaves it open."""
    (tmp_path / "token").write_text("the-token\n")
    (tmp_path / "password").write_text("the-password\n")
    for number, settings in enumerate(({"token_file": "token"}, {"username": "us", "password_file": "password"})):
        expected = ["Bearer the-token", "Basic " + base64.b64encode(b"us:the-password").decode()][number]
        for desk in open_desk(tmp_path, {"DISCREET_PORT": str(8100 + number)}, settings):
            desk.carry_out()
            assert {call[2]["Authorization"] for call in desk.processor.calls} == {expected}


def test_a_path_of_its_own_is_used(tmp_path: Path) -> None:
    """Some take requests elsewhere."""
    for desk in open_desk(tmp_path, settings={"requests_path": "gdpr/opendsr_requests"}):
        desk.carry_out()
        assert desk.processor.count("POST", "gdpr/opendsr_requests") == 1
