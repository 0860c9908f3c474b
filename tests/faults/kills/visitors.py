"""People who go on using the system while its processes are killed, and who remember what they were told."""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import requests
from requests.adapters import HTTPAdapter

from tests.e2e.running import RunningSystem
from tests.faults.kills.mailbox import Mailbox

MARK = "zqkill"
"""A word in every name, address and message: it may stand in no log."""
AWAY = frozenset({502, 503, 504})
"""What an edge or a service says while something behind it is away; anything else that is no yes is a fault."""
STAFF_PATIENCE = 600.0
"""What a killed worker had in hand waits until its lease of five minutes is over."""
FATES = ("stays", "leaves", "leaves", "is erased")
PAUSE = 0.1
BETWEEN = 0.5
"""Seconds until the next person of a thread comes: all of them are looked up one by one afterwards."""
PATIENCE = 180.0
"""Seconds for a yes; what takes longer to come back than that has not come back."""


@dataclass
class Person:
    """One visitor: what they tried, and what was acknowledged, with the reference that they got."""

    email: str
    fate: str = "stays"
    tried: dict[str, int] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)


def somebody(chance: random.Random) -> Person:
    """Return a person whom nobody has heard of."""
    return Person(f"{MARK}{secrets.token_hex(8)}@voorbeeld.example", fate=chance.choice(FATES))


class From(HTTPAdapter):
    """Calls from another address of this machine, as every visitor has one of their own."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments, **options):
        """Bind what is opened to the address."""
        return super().init_poolmanager(*arguments, source_address=(self._address, 0), **options)


class Visitors:
    """Some threads of people, each with one thing to do after another, until nobody new is to come."""

    def __init__(self, system: RunningSystem, mailbox: Mailbox, seed: int, threads: int = 3) -> None:
        self.people: list[Person] = []
        self.unexpected: list[str] = []
        self._system, self._mailbox, self._threads = system, mailbox, threads
        self._stop = threading.Event()
        self._running = [
            threading.Thread(target=self._visit, args=(random.Random(seed + number),), daemon=True)
            for number in range(threads)
        ]

    def start(self) -> None:
        """Let them come."""
        for thread in self._running:
            thread.start()

    def stop(self) -> None:
        """Let nobody new come, and everybody who is there end what they came for, now that everything answers."""
        self._stop.set()
        for thread in self._running:
            thread.join()

    def _visit(self, chance: random.Random) -> None:
        waiting: list[Person] = []
        while not self._stop.is_set():
            person = somebody(chance)
            self.people.append(person)
            if chance.random() < 0.5:
                self._send_form(person, again=chance.random() < 0.6)
            else:
                self._sign_up(person)
                waiting.append(person)
            waiting = [each for each in waiting if not self._go_on(each)]
            self._stop.wait(BETWEEN)
        deadline = time.monotonic() + PATIENCE
        while waiting and time.monotonic() < deadline:
            waiting = [each for each in waiting if not self._go_on(each)]
            time.sleep(PAUSE)

    def _send_form(self, person: Person, *, again: bool) -> None:
        form = {"name": f"A. {MARK}", "email": person.email, "message": f"Bel mij: {person.email}"}
        headers = {"Idempotency-Key": person.email.partition("@")[0]}
        self._until_told(person, "form", "/intake/v1/contact-forms", json=form, headers=headers, again=again)

    def _sign_up(self, person: Person) -> None:
        form = {"first_name": MARK, "email": person.email}
        self._until_told(person, "sign-up", "/newsletter/v1/subscriptions", json=form)

    def _go_on(self, person: Person) -> bool:
        """Confirm once the mail is there, and leave again if that is their fate; return whether that was all."""
        if (link := self._mailbox.link(person.email, "confirm")) is None:
            return "sign-up" not in person.told
        self._until_told(person, "confirm", link)
        leaving = self._mailbox.link(person.email, "unsubscribe")
        if leaving is not None and "confirm" in person.told and person.fate == "leaves":
            self._until_told(person, "unsubscribe", leaving)
        return True

    def _until_told(self, person: Person, what: str, path: str, *, again: bool = True, **options) -> None:
        """Call until it is acknowledged, as people and mail programmes do; or only once."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            person.tried[what] = person.tried.get(what, 0) + 1
            answer = self._call(person, path, **options)
            if answer is not None and answer.ok:
                person.told[what] = answer.json()["reference"] if what == "form" else ""
            elif answer is not None and answer.status_code not in AWAY:
                self.unexpected.append(f"{what}: {answer.status_code} {answer.text[:300]}")
            if what in person.told or not again:
                return
            time.sleep(PAUSE)

    def _call(self, person: Person, path: str, **options) -> requests.Response | None:
        number = int(person.email[len(MARK) :][:4], 16)
        with requests.Session() as session:
            session.trust_env = False
            session.mount(self._system.origin, From(f"127.1.{number // 256}.{max(1, min(254, number % 256))}"))
            try:
                return session.post(
                    f"{self._system.origin}{path}",
                    verify=self._system.setup.trusts,
                    timeout=20,
                    allow_redirects=False,
                    **options,
                )
            except requests.RequestException:
                return None


class Staff:
    """Somebody who grants erasures, one after another, and goes on with each until it is decided."""

    def __init__(self, system: RunningSystem, visitors: Visitors) -> None:
        self.decided: dict[str, str] = {}
        """By address, the request whose erasure was acknowledged."""
        self.tried: list[str] = []
        self.unexpected: list[str] = []
        self._system, self._visitors = system, visitors
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Finish the request that is on the desk, now that everything answers."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.is_set():
            person = next((each for each in self._visitors.people if self._may_ask(each)), None)
            if person is None:
                self._stop.wait(PAUSE)
                continue
            self.tried.append(person.email)
            try:
                self.decided[person.email] = self._erase(person)
            except AssertionError as error:
                self.unexpected.append(f"erasure: {error}"[:500])

    def _may_ask(self, person: Person) -> bool:
        return person.fate == "is erased" and "confirm" in person.told and person.email not in self.tried

    def _erase(self, person: Person) -> str:
        asked = {"name": "A. B.", "email": person.email, "channel": "post"}
        headers = {"Idempotency-Key": person.email.partition("@")[0]}
        made = self._call("POST", "/requests/v1/requests", json=asked, headers=headers)
        assert made.status_code == 201, made.text
        path = f"/requests/v1/requests/{made.json()['id']}"
        check = {"method": "counter", "document_type": "passport", "outcome": "verified", "email": True}
        self._act(f"{path}/identity", path, lambda _: check, done=lambda shown: shown["state"] != "received")
        found = self._wait(path, lambda shown: shown["state"] == "assessed" or shown.get("decision"))
        candidates = [
            {name: each[name] for name in ("service", "category", "id")} for each in found["inquiry"]["candidates"]
        ]
        granted = {"outcome": "grant", "records": candidates, "consequences_acknowledged": True}
        self._act(f"{path}/decision", path, lambda _: granted, done=lambda shown: shown["state"] != "assessed")
        return str(made.json()["id"])

    def _act(self, act: str, path: str, body: Callable[[dict], dict], done: Callable[[dict], bool]) -> None:
        """Post in the version that is shown, and look again when nobody knows whether it was taken."""
        for _ in range(200):
            shown = self._call("GET", path)
            if done(shown.json()):
                return
            answer = self._call("POST", act, json=body(shown.json()), headers={"If-Match": shown.headers["ETag"]})
            assert answer.ok or answer.status_code in {409, 412}, f"{act.rpartition('/')[2]}: {answer.text}"
        raise AssertionError(f"{act.rpartition('/')[2]} never came to an end")

    def _wait(self, path: str, found: Callable[[dict], object]) -> dict:
        deadline = time.monotonic() + STAFF_PATIENCE
        while time.monotonic() < deadline:
            shown = self._call("GET", path).json()
            if found(shown):
                return shown
            time.sleep(0.2)
        raise AssertionError(f"never assessed: {shown['state']}")

    def _call(self, method: str, path: str, **options) -> requests.Response:
        """Call until somebody answers."""
        deadline = time.monotonic() + STAFF_PATIENCE
        while True:
            try:
                answer = self._system.call(method, path, role="privacy-coordinator", **options)
            except requests.RequestException:
                answer = None
            if answer is not None and answer.status_code not in AWAY | {429}:
                return answer
            assert time.monotonic() < deadline, "nobody answers"
            time.sleep(0.2)
