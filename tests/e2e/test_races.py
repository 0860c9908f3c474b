"""Several people and programs at once: what must happen once happens once, on both set-ups, and nobody gets a fault."""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable
from typing import Any

import requests

from tests.e2e.running import RunningSystem

COORDINATOR, DESK = "privacy-coordinator", "front-desk"
CHECK = {"method": "counter", "document_type": "passport", "outcome": "verified", "email": True}


def at_once(*calls: Callable[[], requests.Response]) -> list[requests.Response]:
    """Make the calls at the same moment; return their answers, none of which is a fault of ours."""
    answers: dict[int, requests.Response] = {}
    ready = threading.Barrier(len(calls))

    def make(number: int) -> None:
        ready.wait()
        answers[number] = calls[number]()

    threads = [threading.Thread(target=make, args=(number,)) for number in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == len(calls)
    assert [each.text for each in answers.values() if each.status_code >= 500] == []
    return [answers[number] for number in range(len(calls))]


def somebody() -> str:
    """Return an address that nobody had before."""
    return f"{secrets.token_hex(6)}@voorbeeld.example"


def made(system: RunningSystem, path: str, content: dict[str, Any], **headers: str) -> str:
    """Make something as the front desk; return its id."""
    answer = system.call("POST", path, role=DESK, json=content, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def shown(system: RunningSystem, case: str) -> requests.Response:
    """Return a request as the coordinator sees it."""
    return system.call("GET", f"/requests/v1/requests/{case}", role=COORDINATOR)


def assessed(system: RunningSystem, email: str) -> tuple[str, dict[str, str], dict[str, Any]]:
    """Bring a request to where it can be decided; return its id, the version, and a decision that grants it."""
    case = made(system, "/requests/v1/requests", {"name": "A. B.", "email": email, "channel": "post"})
    tag = {"If-Match": shown(system, case).headers["ETag"]}
    checks = [lambda: _checked(system, case, tag) for _ in range(4)]
    assert sorted(each.status_code for each in at_once(*checks)) == [200, 412, 412, 412]
    system.wait(lambda: shown(system, case).json()["state"] == "assessed", "every store to say what it holds")
    found = shown(system, case)
    named = [
        {name: each[name] for name in ("service", "category", "id")} for each in found.json()["inquiry"]["candidates"]
    ]
    granted = {"outcome": "grant", "records": named, "consequences_acknowledged": True}
    return case, {"If-Match": found.headers["ETag"]}, granted


def _checked(system: RunningSystem, case: str, tag: dict[str, str]) -> requests.Response:
    return system.call("POST", f"/requests/v1/requests/{case}/identity", role=DESK, json=CHECK, headers=tag)


def test_the_same_decision_at_once_is_taken_once(system: RunningSystem):
    """By two coordinators, by an impatient one, and by a program that repeats itself under one key."""
    email = somebody()
    made(system, "/dossier/v1/clients", {"name": "A. B.", "email": email})
    case, tag, granted = assessed(system, email)
    path = f"/requests/v1/requests/{case}/decision"
    keyed = tag | {"Idempotency-Key": case}

    def decide(headers: dict[str, str]) -> Callable[[], requests.Response]:
        return lambda: system.call("POST", path, role=COORDINATOR, json=granted, headers=headers)

    answers = at_once(*[decide(tag)] * 3, *[decide(keyed)] * 3)
    without, under = [each.status_code for each in answers[:3]], [each.status_code for each in answers[3:]]
    assert without.count(200) + (200 in under) == 1
    assert set(without) <= {200, 409, 412}
    assert under in ([200, 200, 200], [409] * 3, [412] * 3)
    [decision] = system.wait(lambda: system.decisions(kind="erasure", case=case) or None, "the decision on the ledger")
    system.wait(lambda: system.decision(decision["id"])["state"] == "closed", "every answer")


def test_the_same_task_answered_at_once_is_answered_once(system: RunningSystem):
    """Who says the same is told that it was recorded; who says something else, that it was answered."""
    email = somebody()
    client = made(system, "/dossier/v1/clients", {"name": "A. B.", "email": email})
    lines = {"lines": [{"text": "Behandeling", "unit_cents": 100}]}
    invoice = made(system, f"/dossier/v1/clients/{client}/invoices", lines)
    given = {"processor": "bookkeeper", "categories": ["invoices"], "records": [invoice]}
    assert system.call("POST", f"/dossier/v1/clients/{client}/transfers", role=DESK, json=given).status_code == 201
    case, tag, granted = assessed(system, email)
    path = f"/requests/v1/requests/{case}/decision"
    known = {mail.id for mail in system.mails(_bookkeeper(system))}
    assert system.call("POST", path, role=COORDINATOR, json=granted, headers=tag).status_code == 200
    pattern = re.compile(rf"{re.escape(system.origin)}/dossier/by-hand/[\w-]+")
    link = system.wait(
        lambda: next(
            (pattern.search(mail.text)[0] for mail in system.mails(_bookkeeper(system)) if mail.id not in known), None
        ),
        "the bookkeeper's task",
    )
    done = {"outcome": "done", "name": "B. de Balans"}
    answers = at_once(*[lambda: system.call("POST", link, json=done)] * 5)
    assert [each.status_code for each in answers] == [200] * 5
    other = at_once(*[lambda: system.call("POST", link, json=done | {"name": "Iemand anders"})] * 2)
    assert [each.status_code for each in other] == [409] * 2
    [decision] = system.decisions(kind="erasure", case=case)
    system.wait(lambda: system.decision(decision["id"])["state"] == "closed", "every answer")


def _bookkeeper(system: RunningSystem) -> str:
    listed = system.call("GET", "/requests/v1/processors", role=COORDINATOR).json()["processors"]
    return next(each["contact"]["email"] for each in listed if each["id"] == "bookkeeper")


def test_a_yes_and_a_no_at_once_end_in_a_no(system: RunningSystem):
    """Several clicks on both links: the programme and we agree afterwards, and nobody is left on a list by accident."""
    for _ in range(3):
        email = somebody()
        form = {"first_name": "A", "email": email}
        assert system.call("POST", "/newsletter/v1/subscriptions", json=form).status_code == 202
        confirm, unsubscribe = system.link(email, "confirm"), system.link(email, "unsubscribe")
        yes, no = (lambda link=link: system.call("POST", link) for link in (confirm, unsubscribe))
        answers = at_once(yes, yes, no, yes, no)
        assert {each.status_code for each in answers} <= {200, 410}
        system.wait(lambda email=email: _agreed(system, email), "the programme and us to agree")


def _agreed(system: RunningSystem, email: str) -> bool:
    path = "/newsletter/v1/subscriptions/search"
    [found] = system.call("POST", path, role=DESK, json={"email": email}).json()["items"]
    return found["state"] == "ended" and system.members().get(email) != "active"


def test_what_is_made_under_one_key_at_once_is_made_once(system: RunningSystem):
    """Every caller gets the same answer; another body under the key is refused."""
    email = somebody()
    headers = {"Idempotency-Key": email}
    content = {"name": "A. B.", "email": email}
    answers = at_once(
        *[lambda: system.call("POST", "/dossier/v1/clients", role=DESK, json=content, headers=headers)] * 6
    )
    assert {(each.status_code, each.text) for each in answers} == {(201, answers[0].text)}
    again = system.call("POST", "/dossier/v1/clients", role=DESK, json=content | {"city": "Zeist"}, headers=headers)
    assert again.status_code == 422
    found = system.call("POST", "/dossier/v1/clients/search", role=DESK, json={"q": email}).json()["items"]
    assert len(found) == 1


def test_two_clients_who_take_each_others_address_do_not_lock_each_other_out(system: RunningSystem):
    """Each change holds both addresses, in one order for all."""
    emails = somebody(), somebody()
    clients = [made(system, "/dossier/v1/clients", {"name": "A. B.", "email": email}) for email in emails]
    for first, second in (emails, emails[::-1]) * 4:
        answers = at_once(
            *(
                lambda client=client, email=email: system.call(
                    "PATCH",
                    f"/dossier/v1/clients/{client}",
                    role=DESK,
                    json={"email": email},
                    headers={"If-Match": "*"},
                )
                for client, email in zip(clients, (second, first), strict=True)
            )
        )
        assert [each.status_code for each in answers] == [200, 200]
