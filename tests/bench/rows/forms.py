"""A contact form by POST, validated, sealed, and its event in the outbox, against a bare view with one INSERT.

Each form is of another person, since those of one wait for each other, and comes from an address of its own, as the
edge would say, so that none is one too many. It is counted all the same, in a transaction before its own; a second
figure leaves the counting out.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterator, Sequence

from tests.bench.bench import SHOWN, Bench
from tests.bench.measuring import Bar, Figure, in_turns, median, ratios
from tests.bench.place import Place
from tests.bench.serving import serve, serve_bare, turn_of

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
    shipped = serve(place, "shipped", SHIPPED[place.database])
    uncounted = serve(place, "uncounted", "tests.bench.floors.uncounted:create_app()")
    bare = serve_bare(place)
    addresses = iter(ipaddress.ip_network("10.0.0.0/8"))

    def made(path: str) -> Callable[[int], Sequence[bytes]]:
        return lambda number: [_request(path, next(addresses)) for _ in range(number)]

    turns = [turn_of(bench, shipped, made(PATH)), turn_of(bench, bare, made("/form"))]
    rounds = in_turns([*turns, turn_of(bench, uncounted, made(PATH))], bench.pairs)
    rates = [f"{median([each[side] for each in rounds])} POST/s" for side in range(3)]
    on = SHOWN[place.database]
    yield Figure(NAME, f"form ÷ bare Flask view, {on}", ratios(rounds), bar=BAR, ours=rates[0], floor=rates[1])
    what = f"form that is not counted by a rate ÷ bare Flask view, {on}"
    yield Figure(NAME, what, ratios(rounds, ours=2), bar=BAR, ours=rates[2], floor=rates[1])


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
