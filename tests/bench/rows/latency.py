"""From a form's POST to its effect in another service, against publish, consume and three commits.

One at a time, on a system that does nothing else: what a person waits for. Ours is the intake under gunicorn, the
intake's worker, and the newsletter's worker, over RabbitMQ; the effect is the newsletter's note of who wants it.
"""

from __future__ import annotations

import ipaddress
import statistics
import time
import uuid
from collections.abc import Callable, Iterator

import requests
import sqlalchemy as sa

from services.newsletter.records import signup_claims
from shared.settings import ROOT
from tests.bench.bench import SHOWN, Bench
from tests.bench.floors import plain
from tests.bench.floors.steps import Steps
from tests.bench.measuring import Bar, Figure, in_turns, percentile, seconds_until
from tests.bench.place import Place
from tests.e2e.running import answers
from tests.servers.kept import free_port

NAME = "latency"
MEDIAN, SLOW = Bar(2, 1.5, at_most=True), Bar(3, 2, at_most=True)
SAMPLES = 100  # a turn; fewer have no slowest hundredth
LOOK_EVERY = 0.001
QUEUE = "q.steps"
PUBLIC = "https://bench.example"
Once = Callable[[], float]


def measure(bench: Bench) -> Iterator[Figure]:
    """Measure distributed against the floor on both databases, and embedded by itself: it has no broker to compare."""
    for database in bench.databases:
        with Place(bench, database, broker=True, DISCREET_PUBLIC_URL=PUBLIC) as place:
            bench.say(f"{NAME}: {SHOWN[database]}")
            place.worker("newsletter")
            place.worker("intake")
            yield from _compared(bench, _form(place, _web(place, "services.intake.app:create_app()")), place)
    if "sqlite" in bench.databases:
        with Place(bench, "sqlite", DISCREET_PUBLIC_URL=PUBLIC) as place:
            bench.say(f"{NAME}: embedded")
            place.run("worker", ["python", "-m", "services.worker", "all"], lambda log: '"working"' in log)
            yield from _alone(bench, _form(place, _web(place, "services.web:create_app()")))


def _compared(bench: Bench, ours: Once, place: Place) -> Iterator[Figure]:
    url = place.plain_url()
    engine = plain.open_engine(url)
    plain.metadata.create_all(engine)
    with place.channel() as channel:
        channel.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
    command = ["python", "-m", "tests.bench.floors.consumer", place.amqp_url, QUEUE, url, "2"]
    place.run("consumer", command, lambda log: "consuming" in log, {})
    steps = Steps(place.amqp_url, QUEUE, engine)
    floor = _steps(steps, engine)
    # Sample by sample: both see the same seconds of a machine that others use as well.
    rounds = in_turns([lambda: [(ours(), floor()) for _ in range(bench.number(SAMPLES))]], bench.pairs)
    steps.close()
    turns = [pairs for (pairs,) in rounds]
    for share, bar in ((0.5, MEDIAN), (0.99, SLOW)):
        both = [[percentile([each[side] for each in turn], share) for turn in turns] for side in (0, 1)]
        values = [us / them for us, them in zip(*both, strict=True)]
        yield Figure(
            NAME,
            f"POST to effect ÷ publish, consume and three commits, p{share * 100:.0f}, {SHOWN[place.database]}",
            values,
            bar=bar,
            ours=f"{statistics.median(both[0]) * 1000:.1f} ms",
            floor=f"{statistics.median(both[1]) * 1000:.1f} ms",
        )


def _alone(bench: Bench, ours: Once) -> Iterator[Figure]:
    rounds = in_turns([lambda: [ours() * 1000 for _ in range(bench.number(SAMPLES))]], bench.pairs)
    for share in (0.5, 0.99):
        values = [percentile(turn, share) for (turn,) in rounds]
        yield Figure(NAME, f"POST to effect, embedded, p{share * 100:.0f}", values, unit="ms")


def _web(place: Place, app: str) -> int:
    port = free_port()
    config = str(ROOT / "deploy" / "gunicorn.conf.py")
    command = ["gunicorn", "--config", config, "--bind", f"127.0.0.1:{port}", app]
    place.run("web", command, lambda _: answers(f"http://127.0.0.1:{port}/healthz"))
    return port


def _form(place: Place, port: int) -> Once:
    """Send a form of somebody new, and wait until the newsletter has noted it."""
    # Looked for in the same way as the floor's, on a connection that is nobody else's.
    engine = plain.open_engine(place.tools["newsletter"].database.url.render_as_string(hide_password=False))
    place.no_jobs_now("newsletter")
    noted = sa.select(sa.func.count()).select_from(signup_claims)
    addresses = iter(ipaddress.ip_network("10.0.0.0/8"))
    http = requests.Session()
    http.trust_env = False

    def once() -> float:
        place.empty("newsletter", signup_claims)
        form = {
            "name": "Anna Jansen",
            "email": f"anna.{uuid.uuid4().hex}@voorbeeld.example",
            "message": "Graag een afspraak.",
            "newsletter": True,
        }
        headers = {"X-Forwarded-For": str(next(addresses)), "X-Forwarded-Proto": "https"}
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            began = time.perf_counter()
            answer = http.post(f"http://127.0.0.1:{port}/intake/v1/contact-forms", json=form, headers=headers)
            if answer.status_code != 202:
                raise RuntimeError(answer.text)
            return seconds_until(lambda: bool(connection.scalar(noted)), began, every=LOOK_EVERY)

    return once


def _steps(steps: Steps, engine: sa.Engine) -> Once:
    """Do the same with nothing in between."""
    body = "x" * 317  # what a form's event has

    def once() -> float:
        event_id = str(uuid.uuid4())
        last = sa.select(sa.func.count()).where(plain.events.c.event_id == event_id)
        with engine.begin() as connection:
            connection.execute(sa.delete(plain.events))
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            began = time.perf_counter()
            steps.go(event_id, body)
            return seconds_until(lambda: connection.scalar(last) == 3, began, every=LOOK_EVERY)

    return once
