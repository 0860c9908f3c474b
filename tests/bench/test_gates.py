"""What an event costs, counted and not timed: in batches of 100 or 200, on both databases, over RabbitMQ and embedded.

Each number is held exactly. One that becomes better fails too, so that it is written down here and stays; one that
becomes worse is a mistake. The bar is 0.2 commits an event under load, whoever originates it aside.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from services import registry
from shared import pacing
from shared.composition import build_applier
from shared.messaging.rabbitmq.receiver import PREFETCH, Receiver
from shared.messaging.rabbitmq.relay import Relay
from shared.messaging.tables import APPLIED, MOVED, inbox, outbox
from shared.propagation.worker import ObligationWorker
from shared.restore import marks
from tests.bench import events
from tests.bench.counting import counted
from tests.kit.installation import Embedded, Installation, told_only_what_they_had
from tests.kit.movers import Rabbit, load_definitions

EVENTS = 200
DECISIONS = 100  # each of which leads to more
PATIENCE = 30.0  # seconds
BAR = 0.2
HEARTBEAT_OCTETS = 8
NEWSLETTER, REQUESTS, INTAKE = "newsletter", "requests", "intake"
DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("servers"))]


@dataclass(frozen=True)
class Cost:
    """What one step cost for all its events together, and what it sent to the broker for each."""

    events: int
    commits: int
    statements: int
    frames_each: int = 0
    bytes_each: int = 0


# By hand, from what a run said. Statements go to the driver: one for many rows counts once, and NOTIFY not at all.
DECISION = {
    "sqlite": {
        "relay": Cost(100, 1, 2, 3, 1498),
        "receive": Cost(100, 1, 1),
        "apply": Cost(100, 1, 70),
        "carry out": Cost(100, 4, 63),
        "relay receipts": Cost(200, 1, 2, 3, 1075),
        "ledger receives": Cost(300, 2, 2),
        "ledger applies": Cost(300, 2, 124),
    },
    "postgresql": {
        "relay": Cost(100, 1, 2, 3, 1499),
        "receive": Cost(100, 1, 1),
        "apply": Cost(100, 1, 17),
        "carry out": Cost(100, 4, 19),
        "relay receipts": Cost(200, 1, 2, 3, 1075),
        "ledger receives": Cost(300, 2, 2),
        "ledger applies": Cost(300, 2, 36),
    },
}
FACT = {
    "sqlite": {"relay": Cost(200, 1, 2, 3, 660), "receive": Cost(200, 1, 1), "apply": Cost(200, 1, 10)},
    "postgresql": {"relay": Cost(200, 1, 2, 3, 660), "receive": Cost(200, 1, 1), "apply": Cost(200, 1, 6)},
}
EMBEDDED_FACT = {
    "sqlite": {"move": Cost(200, 2, 6), "apply": Cost(200, 1, 10)},
    "postgresql": {"move": Cost(200, 2, 6), "apply": Cost(200, 1, 6)},
}


@pytest.fixture(params=DATABASES)
def environ(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment on either database. Time ends a batch on SQLite and has marks read; no count may depend on it."""
    monkeypatch.setattr(pacing, "SECONDS", math.inf)
    monkeypatch.setattr(marks, "REMEMBERED", math.inf)
    on_server = request.getfixturevalue("postgres_environ")() if request.param == "postgresql" else {}
    return {**told_only_what_they_had(tmp_path), **on_server}


@pytest.fixture
def embedded(tmp_path: Path, environ: dict[str, str]) -> Iterator[Installation]:
    """All services without a broker."""
    made = Installation(tmp_path, services=registry.load_all(), environ=environ)
    yield made
    made.close()


@pytest.fixture
def distributed(
    request: pytest.FixtureRequest, tmp_path: Path, environ: dict[str, str], amqp_url: Callable[[], str]
) -> Iterator[Installation]:
    """All services over RabbitMQ."""
    url, management = amqp_url(), request.getfixturevalue("management")
    made = Installation(
        tmp_path,
        services=registry.load_all(),
        environ=environ,
        moved_by=lambda installation: Rabbit(installation, load_definitions(installation.services, management, url)),
    )
    yield made
    made.close()


def test_a_decision_costs_what_it_did(distributed: Installation):
    """From the outbox of who decides, through the newsletter, to the ledger that has both answers of the newsletter."""
    rows = events.unsubscribes(distributed, events.subscribers(distributed, DECISIONS))
    events.put_out(distributed.tools[REQUESTS], rows)
    costs = {
        "relay": relayed(distributed, REQUESTS, DECISIONS),
        "receive": received(distributed, NEWSLETTER, DECISIONS),
        "apply": applied(distributed, NEWSLETTER, DECISIONS),
        "carry out": carried_out(distributed, NEWSLETTER, DECISIONS),
        "relay receipts": relayed(distributed, NEWSLETTER, 2 * DECISIONS),
        "ledger receives": received(distributed, REQUESTS, 3 * DECISIONS),
        "ledger applies": applied(distributed, REQUESTS, 3 * DECISIONS),
    }
    assert costs == DECISION[distributed.tools[REQUESTS].database.dialect]
    assert commits_an_event(costs) <= BAR


def test_a_fact_costs_what_it_did(distributed: Installation):
    """From the intake's outbox to the newsletter's note of it; this meets the bar."""
    events.put_out(distributed.tools[INTAKE], events.forms(distributed, EVENTS))
    costs = {
        "relay": relayed(distributed, INTAKE, EVENTS),
        "receive": received(distributed, NEWSLETTER, EVENTS),
        "apply": applied(distributed, NEWSLETTER, EVENTS),
    }
    assert costs == FACT[distributed.tools[INTAKE].database.dialect]
    assert commits_an_event(costs) <= BAR


def test_a_fact_costs_what_it_did_embedded(embedded: Installation):
    """The same without a broker."""
    events.put_out(embedded.tools[INTAKE], events.forms(embedded, EVENTS))
    mover = Embedded(embedded)
    costs = {
        "move": cost(EVENTS, mover.move),
        "apply": applied(embedded, NEWSLETTER, EVENTS),
    }
    assert costs == EMBEDDED_FACT[embedded.tools[INTAKE].database.dialect]
    assert commits_an_event(costs) <= BAR


def commits_an_event(costs: dict[str, Cost]) -> float:
    """Return the commits of all steps for each event that was received, each service's receiving counted."""
    moved = sum(cost.events for name, cost in costs.items() if name in ("move", "receive", "ledger receives"))
    return sum(cost.commits for cost in costs.values()) / moved


def cost(number: int, step: Callable[[], object], over: Relay | Receiver | None = None) -> Cost:
    """Count what a step costs; ``over`` is whose connection it sends by."""
    connection = over._connection._connection if over else None
    before = (connection.frames_sent, connection.bytes_sent) if connection else (0, 0)
    with counted() as counts:
        step()
    after = (connection.frames_sent, connection.bytes_sent) if connection else (0, 0)
    frames, octets = (now - then for now, then in zip(after, before, strict=True))
    octets -= frames % number * HEARTBEAT_OCTETS  # frames that are nobody's: the clock sends them
    return Cost(number, counts.commits, counts.statements, frames // number, octets // number)


def relayed(installation: Installation, service: str, number: int) -> Cost:
    """Carry a whole outbox to the broker; all of it fits in one window."""
    relay = installation.mover.relays[service]
    wait_until(relay._is_ready)
    found = cost(number, relay.step, relay)
    assert states(installation, service, outbox) == {MOVED: number}
    return found


def received(installation: Installation, service: str, number: int) -> Cost:
    """Store deliveries in full batches: each waits until as many have come as the broker sends without an answer."""
    receiver = installation.mover.receivers[service]

    def store() -> None:
        for batch in [min(PREFETCH, number - start) for start in range(0, number, PREFETCH)]:
            wait_until(lambda batch=batch: len(receiver._deliveries) == batch)
            receiver.step()

    return cost(number, store)


def applied(installation: Installation, service: str, number: int) -> Cost:
    """Apply a whole inbox."""
    applying = build_applier(installation.services[service], installation.tools[service])
    found = cost(number, lambda: until_done(applying.apply))
    assert states(installation, service, inbox) == {APPLIED: number}
    return found


def carried_out(installation: Installation, service: str, number: int) -> Cost:
    """Carry out all obligations."""
    return cost(
        number, lambda: until_done(ObligationWorker(installation.services[service], installation.tools[service]).work)
    )


def until_done(step: Callable[[], object]) -> None:
    """Take a step until there is nothing left to do; the last one, which finds that, counts too."""
    while step():
        pass


def wait_until(so: Callable[[], bool]) -> None:
    """Wait for the broker, for as long as it takes and not longer."""
    deadline = time.monotonic() + PATIENCE
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def states(installation: Installation, service: str, table: sa.Table) -> dict[str, int]:
    """Return how many rows of a table are in which state."""
    with installation.tools[service].database.reading() as session:
        query = sa.select(table.c.state, sa.func.count()).group_by(table.c.state)
        return dict(session.execute(query).all())
