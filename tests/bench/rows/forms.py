"""A contact form by POST, validated, sealed, and its event in the outbox, against a bare view with one INSERT.

Each form is of another person, since those of one wait for each other, and comes from an address of its own, as the
edge would say, so that none is one too many. It is counted all the same, in a transaction before its own; a second
figure leaves the counting out.
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Callable, Iterator, Mapping

from shared.settings import ROOT
from tests.bench.bench import SHOWN, Bench
from tests.bench.floors import plain
from tests.bench.measuring import Bar, Enough, Figure, in_turns, median, ratios
from tests.bench.place import Place
from tests.bench.poster import post_all
from tests.e2e.running import answers
from tests.servers.kept import free_port, listens

NAME = "forms"
BAR = Bar(0.5, 0.8)
PATH = "/intake/v1/contact-forms"
FORM = {
    "name": "Anna Jansen",
    "subject": "Een afspraak",
    "message": "Graag zou ik een afspraak maken voor een gesprek, liefst op een dinsdag. " * 4,
    "newsletter": False,
    "privacy_version": "2024-07-01",
}
SHIPPED = {"postgresql": "services.intake.app:create_app()", "sqlite": "services.web:create_app()"}


def measure(bench: Bench) -> Iterator[Figure]:
    """Measure the intake of its own on PostgreSQL, and the one origin of all services on SQLite."""
    for database in bench.databases:
        with Place(bench, database, DISCREET_PUBLIC_URL="https://bench.example") as place:
            yield from _figures(bench, place)


def _figures(bench: Bench, place: Place) -> Iterator[Figure]:
    bench.say(f"{NAME}: {SHOWN[place.database]}")
    url = place.plain_url()
    plain.metadata.create_all(plain.open_engine(url))
    shipped = _served(place, "shipped", SHIPPED[place.database])
    uncounted = _served(place, "uncounted", "tests.bench.floors.uncounted:create_app()")
    bare = _served(place, "bare", "tests.bench.floors.bare_flask:app", {"FLOOR_DATABASE_URL": url})
    addresses = iter(ipaddress.ip_network("10.0.0.0/8"))
    rounds = in_turns(
        [
            _turn(bench, shipped, PATH, addresses),
            _turn(bench, bare, "/form", addresses),
            _turn(bench, uncounted, PATH, addresses),
        ],
        bench.pairs,
    )
    rates = [f"{median([each[side] for each in rounds])} POST/s" for side in range(3)]
    on = SHOWN[place.database]
    yield Figure(NAME, f"form ÷ bare Flask view, {on}", ratios(rounds), bar=BAR, ours=rates[0], floor=rates[1])
    what = f"form that is not counted by a rate ÷ bare Flask view, {on}"
    yield Figure(NAME, what, ratios(rounds, ours=2), bar=BAR, ours=rates[2], floor=rates[1])


def _served(place: Place, name: str, app: str, environ: Mapping[str, str] | None = None) -> int:
    """Serve an application under the settings we ship; return its port."""
    port = free_port()
    config = str(ROOT / "deploy" / "gunicorn.conf.py")
    command = ["gunicorn", "--config", config, "--bind", f"127.0.0.1:{port}", app]
    own = environ is None
    place.run(name, command, lambda _: answers(f"http://127.0.0.1:{port}/healthz") if own else listens(port), environ)
    return port


def _turn(bench: Bench, port: int, path: str, addresses: Iterator[ipaddress.IPv4Address]) -> Callable[[], float]:
    enough = Enough(bench.number(200), bench.number(4000))

    def turn() -> float:
        requests = [_request(path, next(addresses)) for _ in range(enough.number)]
        began = time.perf_counter()
        post_all(port, requests)
        return enough.learn(len(requests) / (time.perf_counter() - began))

    return turn


def _request(path: str, address: ipaddress.IPv4Address) -> bytes:
    """Make a request of somebody new, told by the address it comes from."""
    number = int(address) % 10**8
    sender = {"email": f"anna.{number}@voorbeeld.example", "phone": f"+316{number:08}"}
    body = json.dumps({**FORM, **sender}).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: bench.example\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nX-Forwarded-For: {address}\r\nX-Forwarded-Proto: https\r\n\r\n"
    )
    return head.encode() + body
