"""What waits in an outbox when the broker comes back, against publishing and consuming as much with nothing between.

Ours: the intake's worker and the newsletter's run, the broker is killed, the outbox fills, the broker starts again.
The time runs from the moment it listens until the last event is applied, finding it again included.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pika
import sqlalchemy as sa

from services.newsletter.records import signup_claims
from shared.messaging.rabbitmq.topology import queue_name, user_name
from shared.messaging.tables import inbox, outbox
from tests.bench import events
from tests.bench.bench import SHOWN, Bench
from tests.bench.events import Row, message
from tests.bench.floors.publisher import Message, Publisher
from tests.bench.measuring import Bar, Figure, in_turns, median, seconds_until
from tests.bench.place import Place

NAME = "backlog"
BAR = Bar(3, 1.5, at_most=True)
EVENTS = 10_000
PREFETCH = 200
QUEUE = "q.backlog"
NOTED = sa.select(sa.func.count()).select_from(signup_claims)


def measure(bench: Bench) -> Iterator[Figure]:
    """Measure the time to drain it."""
    for database in bench.databases:
        with Place(bench, database, broker=True) as place:
            bench.say(f"{NAME}: {SHOWN[database]}")
            rows = events.forms(place.installation, bench.number(EVENTS))
            with place.channel() as channel:
                channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
                channel.queue_bind(QUEUE, events.EXCHANGE, "fact.backlog.intake")
            messages = [message(row, user_name("intake"))._replace(routing_key="fact.backlog.intake") for row in rows]
            rounds = in_turns([_drained(place, rows), lambda: _moved(place, messages)], bench.pairs)  # noqa: B023
        for part, since in enumerate(("the broker's return", "the first event applied")):
            ours = [taken[part] for taken, _ in rounds]
            yield Figure(
                NAME,
                f"backlog of {len(rows)} since {since} ÷ publish and consume, {SHOWN[database]}",
                [us / them for us, (_, them) in zip(ours, rounds, strict=True)],
                bar=None if part else BAR,
                ours=f"{median(ours)} s",
                floor=f"{median([them for _, them in rounds])} s",
            )


def _drained(place: Place, rows: list[Row]) -> Callable[[], tuple[float, float]]:
    """Return a turn of ours: the seconds since the broker is back, and those since the first event was applied."""
    workers = [place.worker("newsletter"), place.worker("intake")]
    broker = place.bench.broker

    def noted() -> int:
        return place.count("newsletter", NOTED)

    def turn() -> tuple[float, float]:
        place.empty("newsletter", inbox, signup_claims)
        place.empty("intake", outbox)
        place.no_jobs_now("newsletter")
        broker.kill()
        events.put_out(place.tools["intake"], rows)
        broker.start()
        began = time.perf_counter()
        found = seconds_until(lambda: noted() > 0, began, workers[0].last_words)
        done = seconds_until(lambda: noted() == len(rows), began, workers[0].last_words, every=0.02)
        place.wait_for_consumer(queue_name("newsletter"))
        return done, done - found

    return turn


def _moved(place: Place, messages: list[Message]) -> float:
    """Publish and consume at the same time, each in a thread and with a connection of its own."""
    gone = threading.Event()
    ready = threading.Event()
    consumer = threading.Thread(target=_consume, args=(place.amqp_url, len(messages), ready, gone), daemon=True)
    consumer.start()
    ready.wait(30)
    with Publisher(place.url_of("intake")) as publisher:
        began = time.perf_counter()
        publisher.publish(messages)
        if not gone.wait(120):
            raise RuntimeError("not all of it came")
        took = time.perf_counter() - began
    consumer.join()
    return took


def _consume(url: str, number: int, ready: threading.Event, gone: threading.Event) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    channel = connection.channel()
    seen = 0

    def received(channel: Any, method: Any, _properties: Any, _body: bytes) -> None:
        nonlocal seen
        seen += 1
        channel.basic_ack(method.delivery_tag)
        if seen == number:
            channel.stop_consuming()

    channel.basic_qos(prefetch_count=PREFETCH)
    channel.basic_consume(QUEUE, received)
    ready.set()
    channel.start_consuming()
    connection.close()  # which also sends the last acknowledgements
    gone.set()
