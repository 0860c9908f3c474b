"""The memory of every process of ours, at rest and under load, on both set-ups; what they share counts once (PSS).

The load is eight callers at once who read, search and make clients, while people sign up and leave at the newsletter
programme. Database, broker, edge and the played programme are not counted: they are not ours.
"""

from __future__ import annotations

import re
import secrets
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import psutil

from tests.bench.bench import Bench
from tests.bench.measuring import Figure
from tests.bench.setups import running
from tests.e2e.running import RunningSystem, memory_of
from tests.e2e.test_story import closed_decision, subscribe

NAME = "memory"
CALLERS = 8
SETTLE = 3.0  # seconds, for what a start leaves to do
DESK, COORDINATOR = "front-desk", "privacy-coordinator"
Sample = dict[str, float]


def measure(bench: Bench) -> Iterator[Figure]:
    """Take a sample each second, as many at rest and under load as there are pairs."""
    for setup in bench.setups:
        with running(bench, setup) as system:
            bench.say(f"{NAME}: {setup}")
            time.sleep(SETTLE)
            yield _figure(f"{setup}, at rest", _samples(system, bench.pairs))
            with _Load(system):
                time.sleep(SETTLE)
                yield _figure(f"{setup}, under load", _samples(system, bench.pairs))


def _figure(what: str, samples: Sequence[Sample]) -> Figure:
    each = [f"{name} {statistics.median(one[name] for one in samples):.0f}" for name in sorted(samples[0])]
    totals = [sum(sample.values()) for sample in samples]
    return Figure(NAME, f"all processes, {what}", totals, unit="MiB", ours=", ".join(each))


def _samples(system: RunningSystem, number: int) -> list[Sample]:
    taken = []
    for _ in range(number):
        sample: Counter[str] = Counter()
        for process in system.setup.own_processes():
            sample[_name(process)] += memory_of([process])
        taken.append(dict(sample))
        time.sleep(1)
    return taken


def _name(process: psutil.Process) -> str:
    """Say what a process is for, in words of its command: parent and child of one gunicorn are one."""
    command = " ".join(process.cmdline())
    found = re.search(r"services\.worker (\w+)|discreet (?:web|worker) (\w+)|services\.(\w+)\.app", command)
    kind = "worker" if "worker" in command else "web"
    if found:
        return f"{kind} {next(filter(None, found.groups()))}"
    if "services.web:create_app" in command:
        return "web all"
    return "parent"


class _Load:
    """Callers that call until the block ends."""

    def __init__(self, system: RunningSystem) -> None:
        self._system = system
        self._over = threading.Event()
        works = [self._call] * (CALLERS - 1) + [self._leave]
        self._threads = [threading.Thread(target=self._go_on, args=(work,), daemon=True) for work in works]

    def __enter__(self) -> None:
        """Begin."""
        for role in (DESK, COORDINATOR):
            self._system.token(role)
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        """End."""
        self._over.set()
        for thread in self._threads:
            thread.join(timeout=60)

    def _go_on(self, work: Callable[[], None]) -> None:
        while not self._over.is_set():
            work()

    def _call(self) -> None:
        email = f"{secrets.token_hex(8)}@voorbeeld.example"
        client = {"name": "A. B.", "email": email}
        self._system.call("POST", "/dossier/v1/clients", role=DESK, json=client)
        self._system.call("POST", "/dossier/v1/clients/search", role=DESK, json={"q": email})
        self._system.call("POST", "/newsletter/v1/subscriptions/search", role=COORDINATOR, json={"email": email})
        self._system.call("GET", "/privacy")

    def _leave(self) -> None:
        email = f"{secrets.token_hex(8)}@voorbeeld.example"
        subscribe(self._system, email, "Anna")
        known = {each["id"] for each in self._system.decisions(kind="unsubscribe")}
        self._system.at_programme("unsubscribe", email)
        closed_decision(self._system, "unsubscribe", known)
