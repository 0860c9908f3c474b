"""One word, put into everything a person, a site or a program can say: where it may stand, and where never.

Two words are followed. The first is whatever a person is known by. The second is what stands on the invoice, which
has to stay. They run in the order in which they stand here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import requests

from shared.database import Database
from shared.errors import KeyDestroyedError
from shared.keys import KeyStore
from shared.propagation.giving import seal_name_of
from shared.settings import SERVICES, Settings
from shared.vault import Sealed, Vault
from tests.e2e.remains import Place, Row, Stored, digests_of, files_below, forms_of, found, read_postgresql, read_sqlite
from tests.e2e.running import RunningSystem, read_addresses

Opened = dict[tuple[str, str], list[tuple[Row, str]]]
"""Rows with what a key still opens of them, by service and table."""
OTHER = "a.b@voorbeeld.example"
COORDINATOR, DESK = "privacy-coordinator", "front-desk"
DOCUMENT = {"method": "counter", "document_type": "passport", "outcome": "verified", "email": True}

SEALED = {
    "contact_forms": [("sealed", "key_id", "id", "")],
    "form_answers": [("sealed", "key_id", "id", "")],
    "security_reports": [("sealed", "key_id", "id", "")],
    "incidents": [("sealed", "key_id", "id", "")],
    "clients": [("sealed", "key_id", "id", "")],
    "contacts": [("sealed", "key_id", "id", "")],
    "invoices": [("sealed", "key_id", "id", "")],
    "subscriptions": [("sealed", "key_id", "id", "")],
    "rights_requests": [("sealed", "key_id", "id", "")],
    "case_letters": [("sealed", "key_id", "id", "")],
    "outgoing_mails": [("sealed", "key_id", "mail", "")],
    "obligations": [("sealed", "key_id", None, "")],
    "by_hand_tasks": [
        ("subject", "subject_key_id", "id", "subject"),
        ("statement", "statement_key_id", "id", "statement"),
    ],
}
"""By table: what is sealed, under which key, for which name and as which of a record's sealed parts."""


@dataclass
class Planted:
    """Somebody of whom the system knows nothing but this word and this number."""

    word: str = field(default_factory=lambda: f"Zq{secrets.token_hex(7)}")  # the sixteen octets of a trace id
    number: str = field(default_factory=lambda: f"6{secrets.randbelow(10**8):08}")
    invoiced: str = field(default_factory=lambda: f"Vx{secrets.token_hex(7)}")
    client: str = ""
    invoice: str = ""
    case: str = ""
    backup: Stored | None = None
    keys_before: Stored | None = None

    @property
    def email(self) -> str:
        """The address; a programme and a form may write it in capitals."""
        return f"{self.word}@voorbeeld.example".lower()

    @property
    def forms(self) -> dict[bytes, str]:
        """What must be gone, in every form."""
        plain = {
            octets: name for text in (self.email, f"email:{self.email}") for octets, name in digests_of(text).items()
        }
        return forms_of(self.word) | forms_of(self.number) | plain


# Where things are


def readable(system: RunningSystem) -> Iterator[Place]:
    """Yield everything the clinic's own system has in the clear: not the mailbox, and not the programme's own list."""
    directory = _directory(system)
    mails = system.setup.mail_folder()
    yield from files_below(directory, but=[mails, directory / "processes" / "sandbox", directory / "sandbox-home"])
    if system.setup.name == "distributed":
        yield from files_below(system.setup._postgres.directory)
        yield from files_below(system.setup._broker.directory)
    yield from ((f"log of {name}", log.encode()) for name, log in system.setup.logs().items())
    yield from stored(system).places()
    yield from stored(system, "_keys").places()


def mailbox(system: RunningSystem) -> Iterator[Place]:
    """Yield the mails that were sent."""
    yield from files_below(system.setup.mail_folder())


def stored(system: RunningSystem, suffix: str = "") -> Stored:
    """Read the databases, or with ``_keys`` the key databases."""
    if system.setup.name == "distributed":
        return read_postgresql(system.setup._postgres.url, suffix)
    return read_sqlite(system.setup.sandbox_home / f"data{suffix.replace('_', '-')}")


@contextmanager
def vault(system: RunningSystem, service: str) -> Iterator[Vault]:
    """Give the vault of a service as it is now."""
    environ = system.setup.environ
    if system.setup.name == "distributed":
        environ = system.setup.environ_of(system.setup.composed[f"{service}-worker"])
    settings = Settings.from_environ(environ)
    keys = KeyStore(settings.keys).for_service(service)
    database = Database(settings.key_database_url(service))
    yield Vault(database, keys.masters, service, settings.clock)
    database.close()


def opened(system: RunningSystem, data: Stored) -> Opened:
    """Open whatever the keys of now still open."""
    found: Opened = {}
    for service, tables in data.tables.items():
        with vault(system, service) as safe:
            for table, parts in SEALED.items():
                for row, (sealed, key_id, name, part) in product(tables.get(table, ()), parts):
                    if row[key_id] is not None:
                        record = str(row[name]) if name else seal_name_of(row)
                        content = _open(safe, record, Sealed(str(row[key_id]), bytes(row[sealed])), part)
                        found.setdefault((service, table), []).append((row, content))
    return found


def tables_with(word: str, sealed: Opened) -> set[str]:
    """Return the tables in whose content the word stands."""
    return {table for (_, table), rows in sealed.items() if any(word in text for _, text in rows)}


def _open(safe: Vault, record: str, sealed: Sealed, part: str) -> str:
    try:
        return safe.open_bytes(record, sealed, field=part).decode()
    except KeyDestroyedError:
        return ""


def _directory(system: RunningSystem) -> Path:
    home = system.setup.sandbox_home
    return home.parent


# What is done


def plant(system: RunningSystem, planted: Planted) -> None:
    """Put the word into everything that is taken, and offer it everywhere else."""
    as_visitor(system, planted)
    as_staff(system, planted)
    as_programme(system, planted)
    where_it_is_refused(system, planted)


def as_visitor(system: RunningSystem, planted: Planted) -> None:
    """Send the contact form with the newsletter, confirm, and ask for erasure."""
    word = planted.word
    headers = {
        "User-Agent": word,
        "X-Request-Id": word,
        "Referer": f"https://{word}.example/{word}?{word}",
        "Cookie": f"{word}={word}",
        "Forwarded": f"for={word}",
        "traceparent": f"00-{word.encode().hex()}-{secrets.token_hex(8)}-01",
        "tracestate": f"a={word}",
        "Authorization": f"Bearer {word}",
    }
    form = {
        "name": f"{word} {word}",
        "first_name": word,
        "email": planted.email,
        "phone": f"0{planted.number}",
        "subject": word,
        "message": f"{word}\n{word}",
        "altcha": word,
        "newsletter": "on",
    }
    answer = system.call("POST", "/intake/v1/contact-forms", data=form, headers=headers)
    assert answer.status_code == 202, answer.text
    for again in ({"first_name": word, "email": planted.email}, {"first_name": word, "email": planted.email.upper()}):
        answer = system.call("POST", "/newsletter/v1/subscriptions", json=again, headers=headers)
        assert answer.status_code == 202, answer.text
    confirm = system.link(planted.email, "confirm")
    assert system.call("POST", confirm, headers=headers).status_code == 200
    system.wait(lambda: planted.email in system.members(), "the programme to have the address")
    asked = {"name": word, "email": planted.email, "phone": f"+31{planted.number}", "message": f"{word} {word}"}
    headers |= {"Idempotency-Key": word}
    del headers["Authorization"]
    answer = system.call("POST", "/requests/v1/requests", json=asked, headers=headers)
    assert answer.status_code == 202, answer.text
    planted.case = _case_of(system, answer.json()["reference"])


def as_staff(system: RunningSystem, planted: Planted) -> None:
    """Take the person up as a client, with a contact, an invoice, and two parties that are given something."""
    word = planted.word
    client = {
        "first_name": word,
        "last_name": word,
        "name": f"{word} {planted.invoiced}",
        "email": planted.email,
        "phone": f"0{planted.number}",
        "street": f"{word} 1",
        "postal_code": word,
        "city": word,
    }
    planted.client = _made(system, "/dossier/v1/clients", client, **{"Idempotency-Key": f"{word}-1"})
    path = f"/dossier/v1/clients/{planted.client}"
    # The invoice is addressed to a name that may stay; then that name goes.
    renamed = {"name": planted.invoiced, "street": None, "postal_code": None, "city": None}
    _change(system, path, renamed)
    lines = {"lines": [{"text": planted.invoiced, "unit_cents": 100}]}
    planted.invoice = _made(system, f"{path}/invoices", lines)
    _change(system, path, client)
    noted = {"channel": "phone", "reason": "question", "note": f"{word} {word}"}
    _made(system, f"{path}/contacts", noted)
    for processor, category, record in (
        ("medical-crm", "clients", planted.client),
        ("bookkeeper", "invoices", planted.invoice),
    ):
        given = {"processor": processor, "categories": [category], "records": [record]}
        answer = system.call("POST", f"{path}/transfers", role=DESK, json=given)
        assert answer.status_code == 201, answer.text
    for what in (word, planted.email, f"0{planted.number}"):
        answer = system.call("POST", "/dossier/v1/clients/search", role=DESK, json={"q": what})
        assert [each["id"] for each in answer.json()["items"]] == [planted.client]


def as_programme(system: RunningSystem, planted: Planted) -> None:
    """Tell things about the person, some of them nothing to us, with the word wherever a programme writes freely."""
    word, laposta = planted.word, read_addresses(system.setup.sandbox_home)["laposta"]
    member = {
        "member_id": word,
        "list_id": laposta["list_id"],
        "email": planted.email,
        "state": "active",
        "signup_date": "2026-01-01 00:00:00",
        "ip": word,
        "source_url": word,
        "custom_fields": {"voornaam": word, "achternaam": word},
    }
    info = {"date_event": "2026-01-01 00:00:00", "action": word, "source": word}
    foreign = {**member, "list_id": word}
    batch = {
        "date_fired": "2026-01-01 00:00:00",
        "data": [
            {"type": "member", "event": "modified", "data": member, "info": info},
            {"type": "member", "event": word, "data": member, "info": info},
            {"type": word, "event": "deactivated", "data": member, "info": info},
            {"type": "member", "event": "deactivated", "data": foreign, "info": info},
            {"type": "member", "event": "deactivated", "data": {**member, "email": word}, "info": info},
            word,
        ],
    }
    raw = json.dumps(batch).encode()
    path = f"/newsletter/v1/webhooks/laposta/{laposta['url_secret']}"
    for content, status in ((raw, 200), (raw, 200), (raw[:-5], 400)):
        signature = hmac.new(laposta["webhook_secret"].encode(), content, hashlib.sha256).hexdigest()
        headers = {"X-Laposta-Signature": signature, "Content-Type": "application/json", "User-Agent": word}
        answer = system.call("POST", path, data=content, headers=headers)
        assert answer.status_code == status, answer.text
    for headers in ({}, {"X-Laposta-Signature": word}):
        assert system.call("POST", path, data=raw, headers=headers).status_code == 401
    assert system.call("POST", f"/newsletter/v1/webhooks/laposta/{word}", data=raw).status_code == 401


def where_it_is_refused(system: RunningSystem, planted: Planted) -> None:
    """Offer the word where nobody takes it: every answer is a mistake of the caller's, and repeats nothing."""
    word, email = planted.word, planted.email
    coded = base64.urlsafe_b64encode(word.encode()).decode()
    anybody: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"/{word}", {}),
        ("GET", f"/intake/{word}/{email}", {}),
        ("GET", f"/healthz?{email}={word}", {}),
        ("GET", f"/newsletter/confirm/{word}", {}),
        ("GET", f"/newsletter/v1/webhooks/{word}/{word}", {}),
        ("GET", f"/intake/by-hand/{word}", {}),
        ("GET", f"/problems/{word}", {}),
        ("GET", f"/intake/static/{word}", {}),
        ("POST", f"/newsletter/confirm/{word}", {"data": word}),
        ("POST", f"/dossier/by-hand/{word}", {"json": {"outcome": "done", "name": word, "remark": word}}),
        ("POST", "/intake/v1/contact-forms", {"json": {"name": word, "email": word, "message": word}}),
        ("POST", "/intake/v1/contact-forms", {"json": {email: word, "privacy_version": word, f"{word} {word}": 1}}),
        ("POST", "/intake/v1/contact-forms", {"data": f'{{"name": "{word}"'}),
        ("POST", "/intake/v1/contact-forms", {"data": word, "headers": {"Content-Type": f"text/{word}"}}),
        ("POST", f"/intake/v1/contact-forms?{email}={word}", {"json": {"name": word}}),
        ("POST", "/intake/v1/security-reports", {"json": {"message": word, "email": word, email: word}}),
        ("POST", "/newsletter/v1/subscriptions", {"json": {"first_name": [word], "email": f"{word}@{word}"}}),
        ("POST", "/newsletter/v1/subscriptions", {"files": {"first_name": (word, word), "email": (None, email)}}),
        ("POST", "/requests/v1/requests", {"json": {"kind": word, "name": word, "email": email}}),
        ("GET", "/requests/v1/requests", {"headers": {"Authorization": f"Bearer {coded}.{coded}.{coded}"}}),
        ("GET", "/requests/v1/requests", {"headers": {"Authorization": f"Basic {coded}"}}),
        ("POST", "/console/sign-in", {"data": {"name": word, "password": word}}),
        ("GET", f"/console/mail/{word}", {}),
    ]
    staff: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", f"/intake/v1/contact-forms/{email}", {}),
        ("GET", f"/intake/v1/contact-forms?cursor={word}", {}),
        ("GET", f"/intake/v1/security-reports/{email}", {}),
        ("GET", f"/dossier/v1/clients/{word}", {}),
        ("GET", f"/dossier/v1/invoices/{email}", {}),
        ("GET", f"/dossier/v1/clients/{word}/contacts", {}),
        ("POST", f"/dossier/v1/clients/{email}/transfers", {"json": {"processor": word, "categories": [word]}}),
        ("POST", f"/dossier/v1/clients/{planted.client}/contacts", {"json": {"channel": word, "reason": word}}),
        ("PATCH", f"/dossier/v1/clients/{planted.client}", {"json": {"city": word}, "headers": {"If-Match": word}}),
        ("GET", f"/requests/v1/requests?state={word}", {}),
        ("GET", f"/requests/v1/requests/{word}", {}),
        ("POST", f"/requests/v1/requests/{planted.case}/identity", {"json": {"method": word, "reason": word}}),
    ]
    for role, calls in ((None, anybody), (DESK, staff)):
        for method, path, options in calls:
            answer = system.call(method, path, role=role, **options)
            assert 300 <= answer.status_code < 500 or path.startswith("/healthz"), (
                f"{method} {path}: {answer.status_code}"
            )
            answer.headers.pop("Set-Cookie", None)  # the console's, in which a browser keeps what it asked for itself
            said = answer.content + str(answer.headers).encode()
            assert found(planted.forms, [(f"{method} {path}", said)]) == []


def erase(system: RunningSystem, planted: Planted) -> None:
    """Establish who asks, decide on everything but the invoice, and have everybody answer."""
    word = planted.word
    decision = _decide(system, planted.case, planted, explanation=f"{word} {word}")
    _answer_by_hand(system, decision, remark=f"{word} {word}", name=word)
    system.wait(lambda: system.decision(decision)["state"] == "closed", "every answer")
    system.wait(lambda: _case(system, planted.case)["state"] in ("executed", "closed"), "the letter about it")
    _empty_mailbox(system, planted)


def erase_the_request_too(system: RunningSystem, planted: Planted) -> None:
    """Have a later request, made by post under another name, end the content of the first."""
    asked = {"name": "A. B.", "email": OTHER, "channel": "post", "message": "Ook mijn vorige verzoek."}
    answer = system.call("POST", "/requests/v1/requests", role=DESK, json=asked)
    assert answer.status_code == 201, answer.text
    record = {"service": "requests", "category": "rights-requests", "id": planted.case, "added": True}
    decision = _decide(system, answer.json()["id"], planted, named=[record])
    system.wait(lambda: system.decision(decision)["state"] == "closed", "every answer")


def _decide(
    system: RunningSystem,
    case: str,
    planted: Planted,
    *,
    explanation: str | None = None,
    named: list[dict[str, Any]] | None = None,
) -> str:
    path = f"/requests/v1/requests/{case}"
    tag = {"If-Match": system.call("GET", path, role=COORDINATOR).headers["ETag"]}
    answer = system.call("POST", f"{path}/identity", role=DESK, json=DOCUMENT, headers=tag)
    assert answer.status_code == 200, answer.text
    system.wait(lambda: _case(system, case)["state"] == "assessed", "every store to say what it holds")
    shown = system.call("GET", path, role=COORDINATOR)
    found = [{name: each[name] for name in ("service", "category", "id")} for each in _candidates(shown)]
    retained = [{**each, "ground": "fiscal-retention"} for each in found if each["id"] == planted.invoice]
    decided = {
        "outcome": "partly" if retained else "grant",
        "records": named or [each for each in found if each["id"] != planted.invoice],
        "retained": retained,
        "consequences_acknowledged": True,
        "explanation": explanation,
    }
    tag = {"If-Match": shown.headers["ETag"], "Idempotency-Key": f"{planted.word} {case}"}
    answer = system.call("POST", f"{path}/decision", role=COORDINATOR, json=decided, headers=tag)
    assert answer.status_code == 200, answer.text
    return str(system.wait(lambda: _decision_of(system, case), "the decision on the ledger"))


def _candidates(shown: requests.Response) -> list[dict[str, Any]]:
    return shown.json()["inquiry"]["candidates"]


def _decision_of(system: RunningSystem, case: str) -> str | None:
    return next((each["id"] for each in system.decisions(kind="erasure", case=case)), None)


def _answer_by_hand(system: RunningSystem, decision: str, **said: str) -> None:
    """Do what the contacts do who work by hand: open the link in their mail, and state it."""
    listed = system.call("GET", "/requests/v1/processors", role=COORDINATOR).json()["processors"]
    processors = {each["id"]: each for each in listed}
    for expected in system.decision(decision)["answers"]:
        processor = processors.get(expected["processor"])
        if processor is None or processor["adapter"] != "by_hand":
            continue
        contact = processor["contact"]["email"]
        link = system.wait(
            lambda to=contact, who=processor["id"]: _by_hand_link(system, to) or _is_answered(system, decision, who),
            f"a task for {contact}",
        )
        if link is True:
            continue
        assert system.call("GET", link).status_code == 200
        outcome = {"outcome": "retained", "ground": "fiscal-retention", "until": "2034-01-01"}
        stated = (outcome if processor["id"] == "bookkeeper" else {"outcome": "done"}) | said
        assert system.call("POST", link, json=stated).status_code == 200


def _is_answered(system: RunningSystem, decision: str, processor: str) -> bool:
    answers = system.decision(decision)["answers"]
    return any(each["processor"] == processor and each["state"] == "answered" for each in answers)


def _by_hand_link(system: RunningSystem, to: str) -> str | None:
    for mail in reversed(system.mails(to)):
        for part in mail.text.split():
            if part.startswith(system.origin) and "/by-hand/" in part:
                return part
    return None


def _empty_mailbox(system: RunningSystem, planted: Planted) -> None:
    """Delete the mails of and about the person, the last one too: what the mail host's contact does by hand."""
    system.wait(lambda: not _unsent(system), "every mail to be sent")
    for path in system.setup.mail_folder().rglob("*"):
        if path.is_file() and found(planted.forms, [("", path.read_bytes())]):
            path.unlink()


def _unsent(system: RunningSystem) -> list[Row]:
    data = stored(system)
    return [row for name in SERVICES for row in data.rows(name, "outgoing_mails") if row["state"] == "waiting"]


def _made(system: RunningSystem, path: str, content: dict[str, Any], **headers: str) -> str:
    answer = system.call("POST", path, role=DESK, json=content, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _change(system: RunningSystem, path: str, content: dict[str, Any]) -> None:
    tag = {"If-Match": system.call("GET", path, role=DESK).headers["ETag"]}
    answer = system.call("PATCH", path, role=DESK, json=content, headers=tag)
    assert answer.status_code == 200, answer.text


def _case(system: RunningSystem, case: str) -> dict[str, Any]:
    return system.call("GET", f"/requests/v1/requests/{case}", role=COORDINATOR).json()


def _case_of(system: RunningSystem, reference: str) -> str:
    listed = system.call("GET", "/requests/v1/requests?limit=200", role=COORDINATOR).json()["items"]
    return next(str(each["id"]) for each in listed if each["reference"] == reference)


# What must be so


@pytest.fixture(scope="module")
def planted(system: RunningSystem) -> Planted:
    """Give somebody who is everywhere, and what a backup of that moment holds."""
    person = Planted()
    plant(system, person)
    person.backup, person.keys_before = stored(system), stored(system, "_keys")
    return person


@pytest.fixture(scope="module")
def erased(system: RunningSystem, planted: Planted) -> Planted:
    """Give the same person after the decision was carried out everywhere."""
    erase(system, planted)
    return planted


@pytest.fixture(scope="module")
def forgotten(system: RunningSystem, erased: Planted) -> Planted:
    """Give the same person after the request itself has gone too."""
    erase_the_request_too(system, erased)
    return erased


def test_the_search_finds_a_word_in_every_form():
    """A test that finds nothing anywhere would pass; this is what it can find."""
    word = "Zq0123456789abcd"
    forms = forms_of(word) | digests_of(word)
    assert len(forms) > 40
    for octets, name in forms.items():
        assert any(name in each for each in found(forms, [("x", b"\0..." + octets + b"...")])), name
    for around in range(3):
        coded = base64.b64encode(b"x" * around + word.encode() + b"yz")
        assert found(forms, [("x", coded[:9] + b"\r\n" + coded[9:])]), around
    assert found(forms, [("x", b"Zq01234=\r\n56789abcd")])
    assert found(forms, [("x", b"Zq0123456789abcE")]) == []


def test_p4_nothing_of_a_person_stands_readable_in_the_system(system: RunningSystem, planted: Planted):
    """While everything works: not in a database, an event, the ledger, a queue, a log, the journal or a key file."""
    places = list(readable(system))
    assert len(places) > 300
    assert found(planted.forms | forms_of(planted.invoiced), places) == []
    everywhere = {"contact_forms", "clients", "contacts", "subscriptions", "rights_requests"}
    # A row may be sealed anew, under another key, between reading it and opening it.
    system.wait(
        lambda: tables_with(planted.word, opened(system, stored(system))) >= everywhere, "the word in every store"
    )


def test_p25_no_mail_repeats_what_was_typed(system: RunningSystem, planted: Planted):
    """Anybody can type anybody's address: a mail to it says nothing of what else was typed; the address is on it."""
    for path in system.setup.mail_folder().rglob("*"):
        if path.is_file():
            content = (
                path.read_bytes().replace(planted.email.encode(), b"").replace(planted.email.upper().encode(), b"")
            )
            assert found(planted.forms, [(path.name, content)]) == []


def test_p76_after_the_erasure_nothing_of_the_person_is_left(system: RunningSystem, erased: Planted):
    """Not in the clear anywhere: also not at the programme, and not in the mails once their host has deleted them."""
    places = [*readable(system), *mailbox(system), ("the programme", json.dumps(system.members()).encode())]
    assert found(erased.forms, places) == []


def test_p76_what_is_still_sealed_is_what_had_to_stay(system: RunningSystem, erased: Planted):
    """The invoice; the request with its letters, which prove that erasing was right; and what contacts declared."""
    sealed = opened(system, stored(system))
    assert tables_with(erased.word, sealed) == {"rights_requests", "case_letters", "by_hand_tasks"}
    (invoice,) = [text for row, text in sealed["dossier", "invoices"] if row["id"] == erased.invoice]
    assert erased.invoiced in invoice


def test_p38_the_invoice_can_be_read(system: RunningSystem, erased: Planted):
    """Its client is gone; the invoice has a key and an addressee of its own."""
    assert system.call("GET", f"/dossier/v1/clients/{erased.client}", role=DESK).status_code == 410
    answer = system.call("GET", f"/dossier/v1/invoices/{erased.invoice}", role="bookkeeper")
    assert answer.status_code == 200
    assert answer.json()["addressee"]["name"] == erased.invoiced
    assert answer.json()["lines"][0]["text"] == erased.invoiced


def test_nobody_finds_the_person_any_more(system: RunningSystem, erased: Planted):
    """Searching answers as if they had never been there."""
    for what in (erased.word, erased.email, f"0{erased.number}"):
        answer = system.call("POST", "/dossier/v1/clients/search", role=DESK, json={"q": what})
        assert answer.json()["items"] == []
    answer = system.call("POST", "/newsletter/v1/subscriptions/search", role=DESK, json={"email": erased.email})
    assert answer.json()["items"] == []
    assert erased.email not in system.members()


def test_a_backup_of_before_says_nothing_of_what_was_erased(system: RunningSystem, erased: Planted):
    """With the keys as they are now, of all that was in it only the request and the invoice open."""
    assert erased.backup is not None
    assert found(erased.forms | forms_of(erased.invoiced), erased.backup.places()) == []
    sealed = opened(system, erased.backup)
    # Of the request the key is another one since the decision: its content as it was before opens no more.
    assert tables_with(erased.word, sealed) == set()
    assert [row["id"] for row, text in sealed["dossier", "invoices"] if erased.invoiced in text] == [erased.invoice]


def test_the_keys_of_what_was_erased_are_in_no_file(system: RunningSystem, erased: Planted):
    """The wrapped keys themselves are overwritten, in the key database's pages and in its log."""
    assert erased.keys_before is not None
    surviving = {
        (service, row["key_id"])
        for service in SERVICES
        for row in stored(system, "_keys").rows(service, "data_keys")
        if row["wrapped"]
    }
    gone = [
        bytes(row["wrapped"])
        for service in SERVICES
        for row in erased.keys_before.rows(service, "data_keys")
        if row["wrapped"] and (service, row["key_id"]) not in surviving
    ]
    assert len(gone) >= 4
    for name, content in readable(system) if system.setup.name == "embedded" else stored(system, "_keys").places():
        assert not [each for each in gone if each in content], name


def test_a_later_decision_ends_the_request_itself(system: RunningSystem, forgotten: Planted):
    """What contacts declared about it is kept for its own term; of everything else only the invoice is left."""
    assert found(forgotten.forms, [*readable(system), *mailbox(system)]) == []
    sealed = opened(system, stored(system))
    assert tables_with(forgotten.word, sealed) == {"by_hand_tasks"}
    answer = system.call("GET", f"/dossier/v1/invoices/{forgotten.invoice}", role="bookkeeper")
    assert answer.json()["lines"][0]["text"] == forgotten.invoiced
