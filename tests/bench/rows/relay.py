"""The relay against a plain publisher with the same window: same exchange, queue, bytes and headers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import sqlalchemy as sa

from shared.messaging.rabbitmq.topology import queue_name, user_name
from shared.messaging.tables import WAITING, outbox
from tests.bench import events
from tests.bench.bench import SHOWN, Bench
from tests.bench.events import Row, message
from tests.bench.floors.publisher import Publisher
from tests.bench.measuring import Bar, Figure, in_turns, median, ratios, seconds_until
from tests.bench.place import Place

NAME = "relay"
BAR = Bar(0.5, 0.8)
EVENTS = 5000
LEFT = sa.select(sa.func.count()).select_from(outbox).where(outbox.c.state == WAITING)


def measure(bench: Bench) -> Iterator[Figure]:
    """Measure how fast `discreet worker intake` empties a full outbox."""
    for database in bench.databases:
        with Place(bench, database, broker=True) as place, Publisher(place.url_of("intake")) as publisher:
            bench.say(f"{NAME}: {SHOWN[database]}")
            rows = events.forms(place.installation, bench.number(EVENTS))
            messages = [message(row, user_name("intake")) for row in rows]
            rounds = in_turns(
                [_relayed(place, rows), lambda: _published(place, publisher, messages)],  # noqa: B023 - used here
                bench.pairs,
            )
        rates = [f"{median([each[side] for each in rounds])} events/s" for side in range(2)]
        what = f"relay ÷ plain publisher, window of 500, {SHOWN[database]}"
        size = f"{len(messages[0].body)} bytes"
        yield Figure(NAME, what, ratios(rounds), bar=BAR, ours=rates[0], floor=f"{rates[1]}, {size}")


def _relayed(place: Place, rows: list[Row]) -> Callable[[], float]:
    worker = place.worker("intake")

    def turn() -> float:
        place.empty("intake", outbox)
        place.no_jobs_now("intake")
        began = events.put_out(place.tools["intake"], rows)
        took = seconds_until(lambda: place.count("intake", LEFT) == 0, began, worker.last_words)
        place.purge(queue_name("newsletter"))
        return len(rows) / took

    return turn


def _published(place: Place, publisher: Publisher, messages: list[events.Message]) -> float:
    began = time.perf_counter()
    publisher.publish(messages)
    took = time.perf_counter() - began
    place.purge(queue_name("newsletter"))
    return len(messages) / took
