"""The main scenarios from outside: over HTTP, by mail, and at the newsletter programme, on both set-ups.

They run in the order in which they stand here, on one system for each set-up, and each about a person of its own.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from pathlib import Path
from urllib.parse import urlsplit

import pika
import pytest

from shared.messaging.asyncapi import EXCHANGE
from shared.settings import SERVICES
from tests.e2e.running import RunningSystem, memory_of
from tests.servers.kept import free_pair

ANNA = "anna.jansen@voorbeeld.example"
BEA = "bea.bakker@voorbeeld.example"
CEES = "cees.visser@voorbeeld.example"
DORA = "dora.smit@voorbeeld.example"


def subscribe(system: RunningSystem, email: str, first_name: str) -> None:
    """Sign somebody up, confirm by the link in the mail, and wait until the programme has them."""
    form = {"first_name": first_name, "email": email}
    assert system.call("POST", "/newsletter/v1/subscriptions", json=form).status_code == 202
    assert system.call("POST", system.link(email, "confirm")).status_code == 200
    system.wait(lambda: system.members().get(email) == "active", f"{email} at the programme")


def closed_decision(system: RunningSystem, kind: str, known: set[str]) -> dict:
    """Wait until a decision that was not there before is closed, and return it."""
    found = system.wait(
        lambda: next((each for each in system.decisions(kind=kind) if each["id"] not in known), None),
        f"a decision: {kind}",
    )
    system.wait(
        lambda: any(each["id"] == found["id"] for each in system.decisions(kind=kind, state="closed")),
        f"{kind} closed: {found}",
    )
    return system.decision(found["id"])


def test_everything_is_ready(system: RunningSystem):
    """Every service answers under its path, and what is not there is not found."""
    for name in SERVICES:
        assert system.call("GET", f"/{name}/readyz").status_code == 200
        assert system.call("GET", f"/{name}/openapi.json").json()["openapi"]
    assert system.call("GET", "/healthz").json() == {"status": "alive"}
    assert system.call("GET", "/asyncapi.json").status_code == 200
    root = system.call("GET", "/")
    assert (root.status_code, root.headers["Location"]) == (303, "/privacy")
    assert system.call("GET", "/privacy").json()["version"] == "2024-07-01"
    assert "Expires: " in system.call("GET", "/.well-known/security.txt").text
    assert system.call("GET", "/console/").status_code in (200, 303)
    assert system.call("GET", "/nothing-here").status_code == 404


def test_p77_an_unsubscribe_at_the_programme_reaches_everybody_and_is_proved_by_reading_again(system: RunningSystem):
    """Sign-up, confirmation, the programme has her; she leaves there; every answer is in, with how that is known."""
    subscribe(system, ANNA, "Anna")
    known = {each["id"] for each in system.decisions(kind="unsubscribe")}
    began = time.monotonic()
    system.at_programme("unsubscribe", ANNA)
    decision = closed_decision(system, "unsubscribe", known)
    system.measured["unsubscribe to last receipt"] = time.monotonic() - began
    assert decision["issuer"] == "newsletter"
    assert {answer["service"] for answer in decision["answers"]} >= set(SERVICES)
    assert all(answer["state"] == "answered" for answer in decision["answers"])
    at_programme = next(answer for answer in decision["answers"] if answer["processor"] == "laposta")
    assert (at_programme["outcome"], at_programme["evidence"]) in {("done", "re-read"), ("nothing-held", "re-read")}
    assert system.members()[ANNA] != "active"


def ask_for_erasure(system: RunningSystem, name: str, email: str) -> tuple[str, dict]:
    """Ask as anybody may, have staff establish who it is, and wait for what the own stores say they hold."""
    asked = {"name": name, "email": email, "message": "Wis alles, alstublieft."}
    answer = system.call("POST", "/requests/v1/requests", json=asked)
    assert answer.status_code == 202, answer.text
    listed = system.call("GET", "/requests/v1/requests", role="privacy-coordinator").json()["items"]
    case = next(each["id"] for each in listed if each["reference"] == answer.json()["reference"])
    proof = {"method": "known-account", "outcome": "verified", "email": True}
    act(system, case, "identity", proof)
    shown = system.wait(lambda: _assessed(system, case), "what the services hold")
    return case, shown


def act(system: RunningSystem, case: str, what: str, body: dict) -> None:
    """Do something about a request as the privacy coordinator, in the version that was seen."""
    path = f"/requests/v1/requests/{case}"
    etag = system.call("GET", path, role="privacy-coordinator").headers["ETag"]
    headers = {"If-Match": etag}
    answer = system.call("POST", f"{path}/{what}", role="privacy-coordinator", json=body, headers=headers)
    assert answer.status_code == 200, answer.text


def _assessed(system: RunningSystem, case: str) -> dict | None:
    shown = system.call("GET", f"/requests/v1/requests/{case}", role="privacy-coordinator").json()
    return shown if shown["state"] == "assessed" else None


def grant(system: RunningSystem, case: str, shown: dict) -> None:
    """Confirm every record that was found, and grant the request."""
    found = [{name: each[name] for name in ("service", "category", "id")} for each in shown["inquiry"]["candidates"]]
    act(system, case, "decision", {"outcome": "grant", "records": found, "consequences_acknowledged": True})


def test_p76_a_request_for_erasure_ends_here_and_at_the_programme_and_the_proof_holds(
    system: RunningSystem, tmp_path: Path
):
    """From the public form to the letter: found, confirmed, erased, looked again, closed, and proved from a file."""
    subscribe(system, BEA, "Bea")
    known = {each["id"] for each in system.decisions(kind="erasure")}
    case, shown = ask_for_erasure(system, "Bea Bakker", BEA)
    assert {each["service"] for each in shown["inquiry"]["services"]} == set(SERVICES)
    assert {(each["service"], each["category"]) for each in shown["inquiry"]["candidates"]} == {
        ("newsletter", "subscriptions")
    }
    began = time.monotonic()
    grant(system, case, shown)
    decision = closed_decision(system, "erasure", known)
    system.measured["erasure to last receipt"] = time.monotonic() - began
    said = {(answer["service"], answer["processor"]): answer for answer in decision["answers"]}
    assert (said["newsletter", None]["outcome"], said["newsletter", None]["evidence"]) == ("done", "recounted")
    assert (said["newsletter", "laposta"]["outcome"], said["newsletter", "laposta"]["evidence"]) == ("done", "re-read")
    assert BEA not in system.members()
    search = {"json": {"email": BEA}, "role": "privacy-coordinator"}
    assert system.call("POST", "/newsletter/v1/subscriptions/search", **search).json()["items"] == []
    system.wait(lambda: any("newsletter" not in mail.subject for mail in system.mails(BEA)), "the letter to Bea")

    proof = tmp_path / "proof.json"
    answer = system.call("GET", f"/requests/v1/decisions/{decision['id']}/proof", role="privacy-coordinator")
    proof.write_bytes(answer.content)
    root = system.discreet("key", "fingerprint").stdout.strip()
    assert "laposta" in system.discreet("verify-proof", str(proof), "--root", root).stdout.lower()
    proof.write_text(proof.read_text().replace('\\"outcome\\":\\"done\\"', '\\"outcome\\":\\"nothing-held\\"'))
    assert system.discreet("verify-proof", str(proof), "--root", root, check=False).returncode == 2


def test_a_programme_that_says_yes_and_does_nothing_is_caught(system: RunningSystem):
    """Sent is never done: as long as he can be read there, the decision stays open; then it closes by itself."""
    subscribe(system, CEES, "Cees")
    known = {each["id"] for each in system.decisions(kind="erasure")}
    case, shown = ask_for_erasure(system, "Cees Visser", CEES)
    system.programme_behaves("lie")
    before = system.calls_at_programme("DELETE")
    grant(system, case, shown)
    system.wait(lambda: system.calls_at_programme("DELETE") > before, "the erasure at the programme")
    time.sleep(1)
    opened = next(each for each in system.decisions(kind="erasure", state="open") if each["id"] not in known)
    answers = system.decision(opened["id"])["answers"]
    assert [each["state"] for each in answers if each["processor"] == "laposta"] == ["waiting"]
    assert CEES in system.members()
    system.programme_behaves("normal")
    decision = closed_decision(system, "erasure", known)
    at_programme = next(each for each in decision["answers"] if each["processor"] == "laposta")
    assert (at_programme["outcome"], at_programme["evidence"]) == ("done", "re-read")
    assert CEES not in system.members()


def test_a_form_is_taken_while_nothing_moves_and_arrives_afterwards(system: RunningSystem):
    """Without the broker, or while the worker of one machine died, a visitor notices nothing and nothing is lost."""
    system.setup.stop_moving()
    form = {"name": "Dora Smit", "email": DORA, "message": "Graag een afspraak.", "newsletter": True}
    answer = system.call("POST", "/intake/v1/contact-forms", json=form)
    assert answer.status_code == 202, answer.text
    if system.setup.stays_away:
        time.sleep(1.5)
        assert not any("/newsletter/confirm/" in mail.text for mail in system.mails(DORA))
    began = time.monotonic()
    system.setup.go_on_moving()
    system.link(DORA, "confirm")
    system.measured["form to mail after the move stood still"] = time.monotonic() - began


DISTRIBUTED = pytest.mark.parametrize("system", ["distributed"], indirect=True, scope="session")


@DISTRIBUTED
def test_the_edge_keeps_inside_what_is_for_inside(system: RunningSystem):
    """Numbers are not for everybody, plain HTTP goes to TLS, and old TLS is not spoken."""
    for path in ("/metrics", "/intake/metrics", "/requests/metrics/"):
        assert system.call("GET", path).status_code == 404
    answer = system.call("GET", "/newsletter/readyz")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "nginx/" not in answer.headers["Server"]
    plain = system.call("GET", f"{system.setup.plain_origin}/newsletter/?a=b")
    assert (plain.status_code, plain.headers["Location"]) == (308, f"{system.origin}/newsletter/?a=b")
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    parts = urlsplit(system.origin)
    with socket.create_connection((parts.hostname, parts.port)) as connection, pytest.raises(ssl.SSLError):
        old.wrap_socket(connection)


@DISTRIBUTED
def test_a_broker_account_may_do_its_own_part_only(system: RunningSystem):
    """There is no guest; the newsletter orders no erasure, reads nobody else's queue and makes nothing."""
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        pika.BlockingConnection(pika.URLParameters(system.setup.broker_url("guest", "guest")))
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        pika.BlockingConnection(pika.URLParameters(system.setup.broker_url("svc-intake", "-")))
    for forbidden in (
        lambda channel: channel.basic_publish(EXCHANGE, "decision.erasure.requests", b"{}", mandatory=True),
        lambda channel: channel.basic_publish(EXCHANGE, "decision.erasure.newsletter", b"{}", mandatory=True),
        lambda channel: channel.basic_get("q.requests"),
        lambda channel: channel.queue_declare("q.of-its-own", durable=True),
        lambda channel: channel.queue_bind("q.requests", EXCHANGE, "#"),
    ):
        connection = pika.BlockingConnection(pika.URLParameters(system.setup.broker_url("svc-newsletter")))
        channel = connection.channel()
        channel.confirm_delivery()
        with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED"):
            forbidden(channel)
        connection.close()


@DISTRIBUTED
def test_a_live_system_is_left_alone_by_the_demo(system: RunningSystem):
    """Nobody who does not exist writes to a clinic."""
    before = _forms(system)
    said = {"DISCREET_PORT": str(free_pair()), "REQUESTS_CA_BUNDLE": system.setup.trusts}
    done = system.discreet("demo", check=False, **said)
    assert done.returncode == 2
    assert done.stderr == "discreet: The sandbox does not answer: the demo needs a trial system.\n"
    assert _forms(system) == before


def _forms(system: RunningSystem) -> list[dict]:
    listed = system.call("GET", "/intake/v1/contact-forms?limit=200", role="front-desk")
    assert listed.status_code == 200
    return listed.json()["items"]


def test_nobody_is_in_the_logs(system: RunningSystem):
    """After all of this no log has an address, a name, a token of a link or a message (P4)."""
    links = [
        re.findall(r"/newsletter/\w+/([\w-]{16,})", mail.text) for who in (ANNA, BEA) for mail in system.mails(who)
    ]
    secret = {"voorbeeld.example", "Bakker", "Visser", "Wis alles", *(token for found in links for token in found)}
    for name, log in system.setup.logs().items():
        assert [word for word in secret if word.lower() in log.lower()] == [], name


def test_what_it_takes(system: RunningSystem):
    """The memory of the processes together; what a clinic's machine needs is measured, not guessed."""
    system.measured["MiB"] = memory_of(system.setup.own_processes())
    system.measured["processes"] = len(system.setup.own_processes())
    assert system.measured["MiB"] > 10
