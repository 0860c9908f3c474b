"""The programmes as the sandbox plays them, and a place for their webhooks to arrive."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests

from services.newsletter.processors.listmonk import Listmonk
from services.newsletter.programmes import TELLING
from services.sandbox.addresses import addresses
from services.sandbox.server import running
from services.sandbox.state import SandboxConfig
from shared.processors.http import ProcessorAnswer
from shared.processors.interface import ProcessorTask, SubjectIdentifiers

ADAPTERS = {**TELLING, "listmonk": Listmonk}
UNSIGNED = {"brevo"}
"""Those that show a secret and sign nothing."""
NO_WAY_BACK = {"mailerlite"}
"""Those that take nobody back who left, whatever we say."""
SOFT = {"mailerlite"}
"""Those that put away what they delete, and erase it later."""
OTHER_LIST = {"brevo": "1", "listmonk": "1"}
"""A list that is not there, where it cannot have just any name."""
KEYS = addresses(0)
STAGES: dict[str, Any] = {}
"""By origin, what a running sandbox knows of itself."""


@dataclass
class Said:
    """A session in which a programme says these things, one after the other, whatever it is asked."""

    answers: list[tuple[int, dict[str, Any]]]
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def send(self, method: str, *_path: str, content: Any = None, **_more: Any) -> ProcessorAnswer:
        """Give the next answer."""
        status, body = self.answers.pop(0)
        self.asked.append((method, content))
        return ProcessorAnswer(status=status, headers={}, body=json.dumps(body).encode())


@dataclass
class Programme:
    """An adapter, and the strings of the processor that the sandbox plays for it."""

    name: str
    adapter: Any
    origin: str

    def behave(self, behaviour: str, times: int | None = None) -> None:
        """Let the processor fail, lie and so on."""
        body = {"processor": self.name, "behaviour": behaviour, "times": times}
        assert requests.post(f"{self.origin}/sandbox/v1/behaviour", json=body, timeout=5).status_code == 204

    def act(self, act: str, email: str) -> None:
        """Let something happen at the processor that we did not cause."""
        url = f"{self.origin}/sandbox/v1/newsletter/{self.name}/{act}"
        assert requests.post(url, json={"email": email}, timeout=5).status_code == 204

    def held(self) -> dict[str, tuple[str, str]]:
        """Return who the processor really has: address to state and first name."""
        url = f"{self.origin}/sandbox/v1/newsletter/{self.name}/members"
        rows = requests.get(url, timeout=5).json()
        return {row["email"]: (row["state"], row["first_name"]) for row in rows}

    def calls(self, *methods: str) -> list[dict[str, Any]]:
        """Return what the processor received, newest last."""
        url = f"{self.origin}/sandbox/v1/calls?processor={self.name}"
        rows: list[dict[str, Any]] = requests.get(url, timeout=5).json()
        return [row for row in rows if not methods or row["method"] in methods]

    def rest(self) -> None:
        """Wait until the processor has posted everything it had to say."""
        until = time.monotonic() + 10
        while not STAGES[self.origin].background.is_idle():
            assert time.monotonic() < until, "the processor does not come to rest"
            time.sleep(0.005)

    def tells(self, receiver: Receiver, act: str, email: str, number: int = 1) -> list[Arrival]:
        """Return the first deliveries about something that we did not cause, and nothing of what was told before."""
        self.rest()
        receiver.arrived.clear()
        self.act(act, email)
        return receiver.wait(number)

    @property
    def other_list(self) -> str:
        """The name of a list that is not there."""
        return OTHER_LIST.get(self.name, "anotherlist")

    def with_settings(self, **changed: Any) -> Any:
        """Return another adapter to the same processor."""
        settings = {**KEYS[self.name], "base_url": self.adapter.settings.base_url, "read_seconds": 5.0, **changed}
        return type(self.adapter).from_settings(settings)


@pytest.fixture(scope="session")
def origin() -> Iterator[str]:
    """Run one sandbox for all tests, a thousand times faster than the real ones."""
    config = SandboxConfig(addresses=KEYS, pace=0.001, stall_seconds=5, late_seconds=0.2)
    with running(config) as (url, stage):
        STAGES[url] = stage
        yield url


@pytest.fixture(params=sorted(ADAPTERS))
def programme(request: pytest.FixtureRequest, origin: str) -> Programme:
    """Give each programme in turn, knowing nobody."""
    return programme_of(request.param, origin)


@pytest.fixture(params=sorted(TELLING))
def teller(request: pytest.FixtureRequest, origin: str) -> Programme:
    """Give each programme that posts to us, knowing nobody."""
    return programme_of(request.param, origin)


@pytest.fixture
def laposta(origin: str) -> Programme:
    """Give Laposta, knowing nobody."""
    return programme_of("laposta", origin)


@pytest.fixture
def mailchimp(origin: str) -> Programme:
    """Give Mailchimp, knowing nobody."""
    return programme_of("mailchimp", origin)


@pytest.fixture
def brevo(origin: str) -> Programme:
    """Give Brevo, knowing nobody."""
    return programme_of("brevo", origin)


@pytest.fixture
def mailerlite(origin: str) -> Programme:
    """Give MailerLite, knowing nobody."""
    return programme_of("mailerlite", origin)


@pytest.fixture
def listmonk(origin: str) -> Programme:
    """Give listmonk, knowing nobody."""
    return programme_of("listmonk", origin)


def programme_of(name: str, origin: str) -> Programme:
    """Reset the sandbox and connect an adapter to one of its processors."""
    assert requests.post(f"{origin}/sandbox/v1/reset", timeout=5).status_code == 204
    base_url = KEYS[name]["base_url"].replace("http://127.0.0.1:0", origin)
    adapter = ADAPTERS[name].from_settings({**KEYS[name], "base_url": base_url, "read_seconds": 5.0})
    return Programme(name, adapter, origin)


@pytest.fixture
def task_of() -> Any:
    """Give a maker of tasks, whose subject has more to tell than a programme may hear."""

    def make(action: str, email: str | None = "anne@example.nl", **more: Any) -> ProcessorTask:
        subject = SubjectIdentifiers(email=email, phone="+31612345678", first_name="Anne", name="Anne Jansen-de Wit")
        return ProcessorTask(
            decision_id="0b1f-decision",
            action=action,
            subject=subject,
            idempotency_key="key-1",
            requested_at=datetime(2026, 3, 1, tzinfo=UTC),
            **more,
        )

    return make


@dataclass
class Arrival:
    """One delivery as it came in."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A place for webhooks; `answers` are the statuses to give, then 200."""

    url: str
    arrived: list[Arrival] = field(default_factory=list)
    answers: deque[int] = field(default_factory=deque)
    handshakes: int = 0

    def wait(self, number: int, seconds: float = 5.0) -> list[Arrival]:
        """Return the deliveries once there are so many; fails when they do not come."""
        until = time.monotonic() + seconds
        while len(self.arrived) < number and time.monotonic() < until:
            time.sleep(0.01)
        assert len(self.arrived) >= number
        return self.arrived


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Run a server that keeps what is posted to it."""
    place = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place.handshakes += 1
            self._answer(200)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            place.arrived.append(Arrival(self.path, dict(self.headers), body))
            self._answer(place.answers.popleft() if place.answers else 200)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    place.url = f"http://127.0.0.1:{server.server_port}/hook"
    yield place
    server.shutdown()
    server.server_close()
    thread.join()
