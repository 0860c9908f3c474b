"""Receive, apply, carry out, receipt: events that reach a service over RabbitMQ, against a plain consumer and Celery.

Ours is `discreet worker newsletter` as it is, but for its relay, which does not lead: as with a second worker beside
it, receipts stay in the outbox. Nothing is played: nobody outside was ever given anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from services.newsletter.records import Subscription, signup_claims
from shared.leader import Leadership
from shared.messaging.tables import inbox, outbox
from shared.propagation.tables import obligations, receipts, tombstones
from shared.vault.tables import data_keys
from tests.bench import events
from tests.bench.bench import SHOWN, Bench
from tests.bench.events import Row, message, plain_message
from tests.bench.floors import celery_app, plain
from tests.bench.floors.publisher import Publisher
from tests.bench.measuring import Bar, Enough, Figure, in_turns, median, ratios, seconds_until
from tests.bench.place import Place, Running

NAME = "pipeline"
CONSUMER, TASK = Bar(2, 4), Bar(4, 10)
NEWSLETTER = "newsletter"
PLAIN = "q.plain"
ANSWERED = sa.select(sa.func.count()).select_from(receipts).where(receipts.c.processor == "")
NOTED = sa.select(sa.func.count()).select_from(signup_claims)
KEPT = sa.select(sa.func.count()).select_from(plain.events)
USED = (inbox, outbox, obligations, receipts, tombstones, signup_claims, Subscription.__table__)


def measure(bench: Bench) -> Iterator[Figure]:
    """Measure decisions with one record each, and a fact."""
    for database in bench.databases:
        with Place(bench, database, broker=True) as place, _competitors(place) as others:
            for what, made, done in (
                ("unsubscribe by ref, one record", _unsubscribes, ANSWERED),
                ("erasure of one record", _erasures, ANSWERED),
                ("fact", _facts, NOTED),
            ):
                yield from _figures(bench, others, f"{what}, {SHOWN[database]}", made, done)


class _Competitors:
    """Our worker, the plain consumer and a Celery worker, on one broker and one kind of database."""

    def __init__(self, place: Place, publisher: Publisher) -> None:
        self._place = place
        self._publisher = publisher
        self._ours = place.worker(NEWSLETTER)
        with place.channel() as channel:
            channel.queue_declare(PLAIN, durable=True, arguments={"x-queue-type": "quorum"})
        url = place.plain_url()
        self._plain_engine = _made(url)
        command = ["python", "-m", "tests.bench.floors.consumer", place.amqp_url, PLAIN, url, "1"]
        self._consumer = place.run("consumer", command, lambda log: "consuming" in log, {})
        self._celery_engine, self._celery = self._start_celery()

    def _start_celery(self) -> tuple[sa.Engine, Running]:
        url = self._place.plain_url().replace("plain.sqlite3", "celery.sqlite3")
        engine = _made(url)
        environ = {"FLOOR_AMQP_URL": self._place.amqp_url, "FLOOR_DATABASE_URL": url}
        command = ["celery", "-A", "tests.bench.floors.celery_app", "worker", "--loglevel", "INFO"]
        return engine, self._place.run("celery", command, lambda log: " ready." in log, environ)

    def ours(self, rows: Sequence[Row], done: sa.Select[tuple[int]]) -> float:
        """Let our worker answer all of them; return events a second."""
        self._place.no_jobs_now(NEWSLETTER)
        with self._ours.held():
            self._publisher.publish([message(row) for row in rows])
        return self._rate(len(rows), lambda: self._place.count(NEWSLETTER, done), self._ours)

    def consumer(self, rows: Sequence[Row]) -> float:
        """Let the plain consumer store all of them; return events a second."""
        _clear(self._plain_engine)
        with self._consumer.held():
            self._publisher.publish([plain_message(row, PLAIN) for row in rows])
        return self._rate(len(rows), lambda: _count(self._plain_engine), self._consumer)

    def celery(self, rows: Sequence[Row]) -> float:
        """Let the Celery workers store all of them; return events a second."""
        _clear(self._celery_engine)
        with self._celery.held(), celery_app.app.connection_for_write(self._place.amqp_url) as connection:
            producer = celery_app.app.amqp.Producer(connection)
            for row in rows:
                celery_app.keep_event.apply_async((row["event_id"], row["body"]), producer=producer)
        return self._rate(len(rows), lambda: _count(self._celery_engine), self._celery)

    def clear(self) -> None:
        """Forget what our worker did."""
        self._place.empty(NEWSLETTER, *USED)
        with self._place.tools[NEWSLETTER].key_database.transaction() as session:
            session.execute(sa.delete(data_keys))

    @property
    def place(self) -> Place:
        """Where they run."""
        return self._place

    def _rate(self, number: int, count: Callable[[], int], running: Running) -> float:
        began = time.perf_counter()
        return number / seconds_until(lambda: count() >= number, began, running.last_words)


@contextmanager
def _competitors(place: Place) -> Iterator[_Competitors]:
    relay = Leadership(place.tools[NEWSLETTER].database, "relay")
    if not relay.hold():
        raise RuntimeError("somebody leads the relay already")
    with Publisher(place.amqp_url) as publisher:
        yield _Competitors(place, publisher)
    relay.release()


def _figures(
    bench: Bench,
    others: _Competitors,
    what: str,
    made: Callable[[Place, int], Sequence[Row]],
    done: sa.Select[tuple[int]],
) -> Iterator[Figure]:
    bench.say(f"{NAME}: {what}")
    ours = Enough(bench.number(60), bench.number(4000))
    consumer, celery = (Enough(bench.number(100), bench.number(4000)) for _ in range(2))
    rows: list[Sequence[Row]] = [()]

    def our_turn() -> float:
        others.clear()
        rows[0] = made(others.place, ours.number)
        return ours.learn(others.ours(rows[0], done))

    def same_bytes(enough: Enough) -> Sequence[Row]:
        return [rows[0][number % len(rows[0])] for number in range(enough.number)]

    rounds = in_turns(
        [
            our_turn,
            lambda: consumer.learn(others.consumer(same_bytes(consumer))),
            lambda: celery.learn(others.celery(same_bytes(celery))),
        ],
        bench.pairs,
    )
    rate = {name: f"{median([each[n] for each in rounds])} events/s" for n, name in enumerate(("us", "pika", "celery"))}
    size = len(str(rows[0][0]["body"]))
    yield _figure(what, "plain pika consumer", ratios(rounds), CONSUMER, rate["us"], f"{rate['pika']}, {size} bytes")
    yield _figure(what, "Celery task", ratios(rounds, floor=2), TASK, rate["us"], f"{rate['celery']}, {size} bytes")


def _figure(what: str, floor: str, values: Sequence[float], bar: Bar, ours: str, theirs: str) -> Figure:
    return Figure(NAME, f"{what} ÷ {floor}", values, bar=bar, ours=ours, floor=theirs)


def _unsubscribes(place: Place, number: int) -> Sequence[Row]:
    return events.unsubscribes(place.installation, events.subscribers(place.installation, number))


def _erasures(place: Place, number: int) -> Sequence[Row]:
    return events.erasures(place.installation, events.subscribers(place.installation, number))


def _facts(place: Place, number: int) -> Sequence[Row]:
    return events.forms(place.installation, number)


def _made(url: str) -> sa.Engine:
    engine = plain.open_engine(url)
    plain.metadata.create_all(engine)
    return engine


def _clear(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.delete(plain.events))


def _count(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(KEPT) or 0
