"""The played OpenDSR processors against the specification, as a controller would try them."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from services.sandbox.addresses import addresses
from services.sandbox.server import running
from services.sandbox.state import SandboxConfig

KEYS = addresses(0)
EMAIL = "sanne.jansen@voorbeeld.example"
RAW = [{"identity_type": "email", "identity_value": EMAIL, "identity_format": "raw"}]


class Crm:
    """The played medical CRM, as any controller would call it, and its strings."""

    def __init__(self, origin: str, name: str = "medical-crm") -> None:
        self.origin, self.name, self.base = origin, name, f"{origin}/{name}/v2"

    def post(self, content: Any, path: str = "v2/requests") -> requests.Response:
        return requests.post(f"{self.origin}/{self.name}/{path}", json=content, headers=self.key, timeout=10)

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.base}/{path}", headers=self.key, timeout=10)

    def delete(self, request_id: str) -> requests.Response:
        return requests.delete(f"{self.base}/requests/{request_id}", headers=self.key, timeout=10)

    @property
    def key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {KEYS[self.name]['token']}"}

    def string(self, path: str, **content: Any) -> None:
        url = f"{self.origin}/sandbox/v1/{path}"
        assert requests.post(url, json=content, timeout=5).status_code == 204

    def know(self, *emails: str) -> None:
        for email in emails:
            self.string(f"opendsr/{self.name}/people", email=email)

    def shown(self, what: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = requests.get(
            f"{self.origin}/sandbox/v1/opendsr/{self.name}/{what}", timeout=5
        ).json()
        return rows

    def people(self) -> set[str]:
        return {row["email"] for row in self.shown("people")}

    def status(self, request_id: str) -> str:
        return str(self.get(f"requests/{request_id}").json()["request_status"])

    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificates(requests.get(f"{self.base}/cert.pem", timeout=5).content)[0]


def asked(**changes: Any) -> dict[str, Any]:
    """A request as the specification has it."""
    content = {
        "regulation": "gdpr",
        "subject_request_id": str(uuid.uuid4()),
        "subject_request_type": "erasure",
        "submitted_time": "2026-11-02T15:00:00Z",
        "subject_identities": RAW,
        "api_version": "2.0",
    } | changes
    return {name: value for name, value in content.items() if value is not None}


def is_signed(crm: Crm, answer: Any, body: bytes, prefix: str = "X-OpenDSR") -> bool:
    """Check a signature with nothing of ours; raises where it does not hold."""
    assert answer.headers[f"{prefix}-Processor-Domain"] == f"{crm.name}.localhost"
    signature = base64.b64decode(answer.headers[f"{prefix}-Signature"], validate=True)
    crm.certificate().public_key().verify(signature, body, padding.PKCS1v15(), hashes.SHA256())
    return True


def wait_for(condition: Callable[[], Any]) -> Any:
    """Wait until something is so."""
    deadline = time.monotonic() + 10
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
    return found


class Listener:
    """A controller's callback address that keeps what it got and answers as it is told."""

    def __init__(self, status: int = 202) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = status
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.got.append((dict(self.headers), body))
                self.send_response(listener.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Write nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/callbacks"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def statuses(self) -> list[str]:
        return [json.loads(body)["request_status"] for _, body in self.got]


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    """Give a function that opens a callback address."""
    opened: list[Listener] = []

    def start(status: int = 202) -> Listener:
        opened.append(Listener(status))
        return opened[-1]

    yield start
    for each in opened:
        each.server.shutdown()
        each.server.server_close()


@pytest.fixture
def crm() -> Iterator[Crm]:
    """Run a sandbox that takes a few hundredths of a second for what takes others days."""
    with running(SandboxConfig(addresses=KEYS, pace=0.05, stall_seconds=5, late_seconds=0.3)) as (origin, _):
        yield Crm(origin)


@pytest.fixture(scope="module")
def never() -> Iterator[str]:
    """Run one that does not get round to anything."""
    with running(SandboxConfig(addresses=KEYS, pace=1000)) as (origin, _):
        yield origin


@pytest.fixture
def slow_crm(never: str) -> Crm:
    """Give it knowing nobody and behaving."""
    crm = Crm(never)
    crm.string("reset")
    return crm


def test_discovery_announces_what_there_is_and_a_certificate_on_its_own_host(crm: Crm) -> None:
    """Four fields; nobody needs a key to read them."""
    said = requests.get(f"{crm.base}/discovery", timeout=5).json()
    assert set(said) == {
        "api_version",
        "supported_identities",
        "supported_subject_request_types",
        "processor_certificate",
    }
    assert urlsplit(said["processor_certificate"]).netloc == urlsplit(crm.origin).netloc
    assert said["supported_subject_request_types"] == ["erasure"]
    pem = requests.get(said["processor_certificate"], timeout=5).text
    names = x509.load_pem_x509_certificate(pem.encode()).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert names.value.get_values_for_type(x509.DNSName) == ["medical-crm.localhost"]
    assert "PRIVATE" not in pem


def test_a_valid_request_is_answered_201_and_signed_over_the_raw_bytes(slow_crm: Crm) -> None:
    """Five fields, both headers."""
    answer = slow_crm.post(asked())
    assert answer.status_code == 201
    assert set(answer.json()) == {
        "controller_id",
        "expected_completion_time",
        "received_time",
        "encoded_request",
        "subject_request_id",
    }
    assert is_signed(slow_crm, answer, answer.content)


def test_the_encoded_request_is_what_was_sent_byte_by_byte(slow_crm: Crm) -> None:
    """Whitespace and all."""
    sent = json.dumps(asked(), indent=3).encode()
    answer = requests.post(f"{slow_crm.base}/requests", data=sent, headers=slow_crm.key, timeout=5)
    assert base64.b64decode(answer.json()["encoded_request"]) == sent


@pytest.mark.parametrize("name", ["regulation", "subject_request_id", "subject_request_type", "submitted_time"])
def test_a_missing_field_is_named_and_nobody_is(slow_crm: Crm, name: str) -> None:
    """400 with an error object that has no address in it."""
    answer = slow_crm.post(asked(**{name: None}))
    assert answer.status_code == 400
    said = answer.json()["error"]
    assert (said["code"], said["errors"][0]["reason"]) == (400, name)
    assert EMAIL not in answer.text


@pytest.mark.parametrize("name", ["identity_type", "identity_value", "identity_format"])
def test_an_identity_that_lacks_a_field_is_refused(slow_crm: Crm, name: str) -> None:
    """All three are required."""
    identity = {key: value for key, value in RAW[0].items() if key != name}
    answer = slow_crm.post(asked(subject_identities=[identity]))
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (400, "subject_identities")
    assert EMAIL not in answer.text


def test_identities_may_sit_in_extensions_but_somewhere_they_must(slow_crm: Crm) -> None:
    """The array is required unless there are extensions."""
    assert slow_crm.post(asked(subject_identities=None)).status_code == 400
    assert slow_crm.post(asked(subject_identities=[])).status_code == 400
    extensions = {"medical-crm.localhost": {"patient_number": "7"}}
    assert slow_crm.post(asked(subject_identities=None, extensions=extensions)).status_code == 201


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"regulation": "hipaa"}, "regulation"),
        ({"subject_request_type": "forget"}, "subject_request_type"),
        ({"submitted_time": "yesterday"}, "submitted_time"),
        ({"subject_identities": [RAW[0] | {"identity_type": "shoe_size"}]}, "identity_type"),
        ({"subject_identities": [RAW[0] | {"identity_format": "md5"}]}, "identity_format"),
        ({"status_callback_urls": ["https://kliniek.example/callbacks"]}, "status_callback_urls"),
    ],
)
def test_what_is_unknown_is_refused(slow_crm: Crm, changes: dict[str, Any], reason: str) -> None:
    """A value that is not on the list; and a trial calls nobody outside this machine."""
    answer = slow_crm.post(asked(**changes))
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (400, reason)


@pytest.mark.parametrize(
    "made",
    [
        "F68C5C7C-7A32-4A21-A868-B77070F3E9AC",
        "c1f4a27c-e6dc-11f1-9549-02fc00000001",  # version 1
        "7",
        "2d4d0bac778a4ae795dc2ea00b139489",
    ],
)
def test_only_a_lower_case_uuid_of_version_4_is_an_id(slow_crm: Crm, made: str) -> None:
    """As the specification asks."""
    assert slow_crm.post(asked(subject_request_id=made)).status_code == 400


def test_the_same_id_twice_is_fulfilled_once(crm: Crm) -> None:
    """The second is refused, also when the first is done; who came back meanwhile is not erased again."""
    crm.know(EMAIL)
    content = asked()
    assert [crm.post(content).status_code for _ in range(2)] == [201, 400]
    wait_for(lambda: crm.status(content["subject_request_id"]) == "completed")
    assert crm.people() == set()
    crm.know(EMAIL)
    assert crm.post(content).status_code == 400
    time.sleep(0.2)
    assert crm.people() == {EMAIL}


def test_a_status_is_signed_and_has_what_is_required(slow_crm: Crm) -> None:
    """With nulls for what it has not, as some real ones do."""
    content = asked()
    slow_crm.post(content)
    answer = slow_crm.get(f"requests/{content['subject_request_id']}")
    said = answer.json()
    assert (answer.status_code, said["request_status"], said["results_url"]) == (200, "pending", None)
    assert {"controller_id", "expected_completion_time", "subject_request_id", "request_status"} <= set(said)
    assert is_signed(slow_crm, answer, answer.content)
    assert slow_crm.get(f"requests/{uuid.uuid4()}").status_code == 400


def test_a_pending_request_can_be_cancelled(slow_crm: Crm) -> None:
    """202, signed, and nothing is erased."""
    slow_crm.know(EMAIL)
    content = asked()
    slow_crm.post(content)
    answer = slow_crm.delete(content["subject_request_id"])
    assert answer.status_code == 202
    assert is_signed(slow_crm, answer, answer.content)
    assert slow_crm.status(content["subject_request_id"]) == "cancelled"
    assert slow_crm.people() == {EMAIL}


def test_a_completed_request_cannot_be_cancelled(crm: Crm) -> None:
    """400, and the status stays."""
    content = asked()
    crm.post(content)
    wait_for(lambda: crm.status(content["subject_request_id"]) == "completed")
    assert crm.delete(content["subject_request_id"]).status_code == 400
    assert crm.status(content["subject_request_id"]) == "completed"


def test_every_address_gets_every_change_with_its_own_address_in_it(crm: Crm, listen: Callable[..., Listener]) -> None:
    """Signed each by itself."""
    listeners = [listen(), listen()]
    crm.post(asked(status_callback_urls=[each.url for each in listeners]))
    for each in listeners:
        wait_for(lambda each=each: len(each.got) == 3)
        assert each.statuses() == ["pending", "in_progress", "completed"]
        for headers, body in each.got:
            assert json.loads(body)["status_callback_url"] == each.url
            signature = base64.b64decode(headers["X-OpenDSR-Signature"])
            crm.certificate().public_key().verify(signature, body, padding.PKCS1v15(), hashes.SHA256())


def test_a_callback_that_fails_is_repeated_and_seen_to_have_failed(crm: Crm, listen: Callable[..., Listener]) -> None:
    """Eight attempts each; then it stands with the request."""
    down = listen(500)
    crm.post(asked(status_callback_urls=[down.url]))
    wait_for(lambda: crm.shown("requests")[0]["undelivered"] == 3)
    attempts = requests.get(f"{crm.origin}/sandbox/v1/deliveries", timeout=5).json()
    assert {(each["processor"], each["status"]) for each in attempts} == {("medical-crm", 500)}
    assert max(each["attempt"] for each in attempts) == 8


def test_a_callback_arrives_once_the_controller_is_up_again(crm: Crm, listen: Callable[..., Listener]) -> None:
    """Nothing is lost by a restart."""
    flaky = listen(503)
    crm.post(asked(status_callback_urls=[flaky.url]))
    wait_for(lambda: len(flaky.got) >= 2)
    flaky.status = 202
    wait_for(lambda: crm.shown("requests")[0]["status"] == "completed")
    wait_for(lambda: "completed" in flaky.statuses())
    assert crm.shown("requests")[0]["undelivered"] == 0


def test_the_route_and_the_names_of_version_1_work(crm: Crm, listen: Callable[..., Listener]) -> None:
    """Without a regulation; answers and callbacks under the old header names."""
    listener = listen()
    content = asked(regulation=None, api_version="1.0", status_callback_urls=[listener.url])
    answer = crm.post(content, "v1/opengdpr_requests")
    assert answer.status_code == 201
    assert is_signed(crm, answer, answer.content, "X-OpenGDPR")
    wait_for(lambda: len(listener.got) == 3)
    headers, body = listener.got[0]
    assert headers["X-OpenGDPR-Processor-Domain"] == "medical-crm.localhost"
    assert json.loads(body)["api_version"] == "1.0"


@pytest.mark.parametrize("kind", ["access", "portability"])
def test_a_type_that_discovery_does_not_announce_is_refused(slow_crm: Crm, kind: str) -> None:
    """Known to the specification, not to this processor."""
    answer = slow_crm.post(asked(subject_request_type=kind))
    assert (answer.status_code, answer.json()["error"]["errors"][0]["reason"]) == (400, "subject_request_type")


def test_nothing_is_done_without_the_token(slow_crm: Crm) -> None:
    """Requests are for the controller; discovery and the certificate are for everybody."""
    assert requests.post(f"{slow_crm.base}/requests", json=asked(), timeout=5).status_code == 401
    assert slow_crm.shown("requests") == []


@pytest.mark.parametrize("written", [EMAIL, f"  {EMAIL.upper()} "])
@pytest.mark.parametrize("name", ["medical-crm", "website-host"])
def test_an_erasure_takes_who_is_meant_and_nobody_else(crm: Crm, name: str, written: str) -> None:
    """By the address or by its hash, trimmed and in lower case."""
    processor = Crm(crm.origin, name)
    processor.know(EMAIL, "other@voorbeeld.example")
    value = written if name == "medical-crm" else hashlib.sha256(written.strip().lower().encode()).hexdigest()
    identity = {
        "identity_type": "email",
        "identity_value": value,
        "identity_format": "raw" if name == "medical-crm" else "sha256",
    }
    processor.post(asked(subject_identities=[identity]))
    wait_for(lambda: processor.people() == {"other@voorbeeld.example"})


def test_the_website_host_takes_no_address_that_it_could_read(slow_crm: Crm) -> None:
    """It is told of people it may never have heard of."""
    assert Crm(slow_crm.origin, "website-host").post(asked()).status_code == 400


def test_the_extension_says_which_categories_are_meant(crm: Crm) -> None:
    """The rest of the person stays."""
    crm.string("opendsr/medical-crm/people", email=EMAIL, categories=["quotes", "reports"])
    crm.post(asked(extensions={"medical-crm.localhost": {"data_categories": ["quotes"]}}))
    wait_for(lambda: crm.shown("requests")[0]["status"] == "completed")
    assert crm.shown("people") == [{"email": EMAIL, "categories": ["reports"]}]


def test_a_liar_says_completed_and_keeps_the_data(crm: Crm) -> None:
    """Its signature holds all the same."""
    crm.know(EMAIL)
    crm.string("behaviour", processor="medical-crm", behaviour="lie")
    content = asked()
    crm.post(content)
    wait_for(lambda: crm.status(content["subject_request_id"]) == "completed")
    assert crm.people() == {EMAIL}


def test_a_late_one_completes_when_it_is_done_and_not_before(crm: Crm) -> None:
    """In progress until then."""
    crm.know(EMAIL)
    crm.string("behaviour", processor="medical-crm", behaviour="late")
    content = asked()
    crm.post(content)
    wait_for(lambda: crm.status(content["subject_request_id"]) == "in_progress")
    time.sleep(0.1)
    assert (crm.status(content["subject_request_id"]), crm.people()) == ("in_progress", {EMAIL})
    wait_for(lambda: crm.status(content["subject_request_id"]) == "completed")
    assert crm.people() == set()


def test_twice_sends_every_callback_two_times(crm: Crm, listen: Callable[..., Listener]) -> None:
    """As a processor does that missed our answer."""
    crm.string("behaviour", processor="medical-crm", behaviour="twice")
    listener = listen()
    crm.post(asked(status_callback_urls=[listener.url]))
    wait_for(lambda: len(listener.got) == 6)
    assert sorted(listener.statuses()) == ["completed"] * 2 + ["in_progress"] * 2 + ["pending"] * 2


def test_a_forger_signs_other_bytes_than_it_sends(slow_crm: Crm) -> None:
    """So that checks have something to find."""
    slow_crm.string("behaviour", processor="medical-crm", behaviour="forge", times=1)
    content = asked()
    answer = slow_crm.post(content)
    with pytest.raises(InvalidSignature):
        is_signed(slow_crm, answer, answer.content)
    honest = slow_crm.get(f"requests/{content['subject_request_id']}")
    assert is_signed(slow_crm, honest, honest.content)


def test_an_impostor_has_a_certificate_of_its_own_making(slow_crm: Crm) -> None:
    """What it signs fits its certificate, for which nobody vouches."""
    slow_crm.string("behaviour", processor="medical-crm", behaviour="impostor")
    answer = slow_crm.post(asked())
    assert is_signed(slow_crm, answer, answer.content)
    certificate = slow_crm.certificate()
    assert certificate.issuer == certificate.subject


def test_a_new_certificate_is_another_key_of_the_same_authority(slow_crm: Crm) -> None:
    """And stays through a reset."""
    before = slow_crm.certificate()
    slow_crm.string("opendsr/medical-crm/certificate")
    after = slow_crm.certificate()
    assert (before.issuer, before.subject) == (after.issuer, after.subject)
    assert before.public_key() != after.public_key()
    slow_crm.string("reset")
    assert slow_crm.certificate() == after


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("opendsr/nobody/people", {"email": EMAIL}, 404),
        ("opendsr/laposta/certificate", {}, 404),
        ("opendsr/medical-crm/people", {"mail": EMAIL}, 422),
        ("opendsr/medical-crm/people", {"email": EMAIL, "categories": "quotes"}, 422),
        ("opendsr/medical-crm/requests/7/cancel", {}, 404),
    ],
)
def test_a_wrong_string_says_so(slow_crm: Crm, path: str, content: dict[str, Any], status: int) -> None:
    """A test with a typing error must not pass."""
    answer = requests.post(f"{slow_crm.origin}/sandbox/v1/{path}", json=content, timeout=5)
    assert answer.status_code == status
