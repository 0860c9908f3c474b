"""The embedded set-up against SQLite itself: events that are moved and applied, and one INSERT and commit for each.

The floor is the bare driver, without SQLAlchemy: one connection, WAL, synchronous=FULL, the same bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import sqlalchemy as sa
from pysqlite3 import dbapi2

from services.newsletter.records import Subscription, signup_claims
from shared.messaging.tables import APPLIED, inbox, outbox
from shared.propagation.tables import obligations, receipts, tombstones
from shared.settings import SERVICES
from tests.bench import events
from tests.bench.bench import Bench
from tests.bench.measuring import Bar, Enough, Figure, in_turns, median, ratios, seconds_until
from tests.bench.place import Place, Running

NAME = "embedded"
BAR = Bar(0.4, 1)
PROPAGATED = (inbox, outbox, obligations, receipts, tombstones)
NOTED = sa.select(sa.func.count()).select_from(signup_claims)
APPLIED_ROWS = sa.select(sa.func.count()).select_from(inbox).where(inbox.c.state == APPLIED)
CLOSED = APPLIED_ROWS.where(inbox.c.type == "discreet.fact.decision-closed.v1")


def measure(bench: Bench) -> Iterator[Figure]:
    """Measure facts, and whole decisions: told, answered by every service, registered and closed."""
    if "sqlite" not in bench.databases:
        return
    with Place(bench, "sqlite") as place:
        worker = place.run("worker", ["python", "-m", "services.worker", "all"], lambda log: '"working"' in log)
        plain = _plain(place)
        for what, turn in (("fact", _facts), ("unsubscribe, all it leads to", _decisions)):
            bench.say(f"{NAME}: {what}")
            enough = Enough(bench.number(100), bench.number(5000))
            rounds = in_turns([lambda: turn(place, worker, enough), plain], bench.pairs)  # noqa: B023 - used here
            rates = [median([each[side] for each in rounds]) for side in range(2)]
            yield Figure(
                NAME,
                f"{what} ÷ SQLite INSERT commits",
                ratios(rounds),
                bar=BAR,
                ours=f"{rates[0]} events/s",
                floor=f"{rates[1]} commits/s",
            )


def _facts(place: Place, worker: Running, enough: Enough) -> float:
    _clear(place)
    rows = events.forms(place.installation, enough.number)
    began = events.put_out(place.tools["intake"], rows)
    took = seconds_until(lambda: place.count("newsletter", NOTED) == len(rows), began, worker.last_words)
    return enough.learn(len(rows) / took)


def _decisions(place: Place, worker: Running, enough: Enough) -> float:
    """Count every event that was applied anywhere until the decisions were closed and their issuer knew."""
    _clear(place)
    number = max(1, enough.number // 10)
    rows = events.unsubscribes(place.installation, events.subscribers(place.installation, number))
    began = events.put_out(place.tools["requests"], rows)
    took = seconds_until(lambda: place.count("requests", CLOSED) == number, began, worker.last_words, every=0.02)
    return enough.learn(sum(place.count(name, APPLIED_ROWS) for name in SERVICES) / took)


def _clear(place: Place) -> None:
    for name in SERVICES:
        place.no_jobs_now(name)
        place.empty(name, *PROPAGATED)
    place.empty("newsletter", signup_claims, Subscription.__table__)


def _plain(place: Place) -> Callable[[], float]:
    connection = dbapi2.connect(place.directory / "bare.sqlite3", isolation_level=None)
    for statement in (
        "PRAGMA journal_mode=WAL",
        "PRAGMA synchronous=FULL",
        "CREATE TABLE bare (id INTEGER PRIMARY KEY, body TEXT NOT NULL)",
    ):
        connection.execute(statement)
    body = str(events.forms(place.installation, 1)[0]["body"])
    enough = Enough(200, 20_000)

    def turn() -> float:
        began = time.perf_counter()
        for _ in range(enough.number):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO bare (body) VALUES (?)", (body,))
            connection.execute("COMMIT")
        return enough.learn(enough.number / (time.perf_counter() - began))

    return turn
