"""A programme's webhook by POST, proved by signature and address, and stored, against a bare view with one INSERT.

Each tells that somebody left. The bare view gets the same bytes. A second figure is of what follows, in the applier:
the event is noted, so that it is known again, the subscription ends and a decision is announced.
"""

from __future__ import annotations

import hmac
import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import count
from zoneinfo import ZoneInfo

from shared.composition import build_applier
from tests.bench import events
from tests.bench.bench import SHOWN, Bench
from tests.bench.measuring import Bar, Figure, in_turns, median, ratios
from tests.bench.place import Place
from tests.bench.serving import serve, serve_bare, turn_of

NAME = "webhooks"
BAR = Bar(0.5, 0.8)
SHIPPED = {"postgresql": "services.newsletter.app:create_app()", "sqlite": "services.web:create_app()"}
ZONE = ZoneInfo("Europe/Amsterdam")


def measure(bench: Bench) -> Iterator[Figure]:
    """Measure the newsletter of its own on PostgreSQL, and the one origin of all services on SQLite."""
    for database in bench.databases:
        bench.say(f"{NAME}: {SHOWN[database]}")
        with Place(bench, database, DISCREET_PUBLIC_URL="https://bench.example") as place:
            yield from _figures(bench, place)


def _figures(bench: Bench, place: Place) -> Iterator[Figure]:
    laposta = _Laposta(place)
    shipped, bare = serve(place, "shipped", SHIPPED[place.database]), serve_bare(place)
    turns = [
        turn_of(bench, shipped, laposta.opt_outs, 200),
        turn_of(bench, bare, laposta.to_the_floor, 200),
        _acting(place),
    ]
    rounds = in_turns(turns, bench.pairs)
    stored, floor, _ = (f"{median([each[side] for each in rounds])} POST/s" for side in range(3))
    on = SHOWN[place.database]
    yield Figure(NAME, f"webhook ÷ bare Flask view, {on}", ratios(rounds), bar=BAR, ours=stored, floor=floor)
    yield Figure(NAME, f"acted on in a second, {on}", [each[2] for each in rounds])


def _acting(place: Place) -> Callable[[], float]:
    """Return a turn that acts on what the first one stored; it gives how many a second."""
    service, tools = place.installation.services["newsletter"], place.tools["newsletter"]
    applier = build_applier(service, tools)

    def turn() -> float:
        began, done = time.perf_counter(), 0
        while number := applier.apply():
            done += number
        return done / (time.perf_counter() - began)

    return turn


class _Laposta:
    """Makes deliveries as the trial's Laposta does, each of one event about somebody else."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._settings = place.tools["newsletter"].register.get("laposta").settings
        self._path = f"/newsletter/v1/webhooks/laposta/{self._settings['url_secret']}"
        self._numbers = count()

    def opt_outs(self, number: int) -> Sequence[bytes]:
        """Make subscribers, and let each leave."""
        emails = [f"{uuid.uuid4().hex}@bench.example" for _ in range(number)]
        events.subscribers(self._place.installation, number, emails)
        return [self._request(self._path, email) for email in emails]

    def to_the_floor(self, number: int) -> Sequence[bytes]:
        """The same bytes, for the plain view."""
        return [self._request("/webhook", f"{next(self._numbers):032x}@bench.example") for _ in range(number)]

    def _request(self, path: str, email: str) -> bytes:
        local = datetime.now(ZONE).strftime("%Y-%m-%d %H:%M:%S")
        data = {
            "list_id": self._settings["list_id"],
            "member_id": email[:32],
            "email": email,
            "state": "unsubscribed",
            "signup_date": local,
            "ip": "192.0.2.1",
            "custom_fields": {"voornaam": "Lid"},
        }
        item = {
            "type": "member",
            "event": "deactivated",
            "data": data,
            "info": {"date_event": local, "action": "unsubscribed", "source": "external"},
        }
        body = json.dumps({"data": [item], "date_requested": local}).encode()
        signature = hmac.digest(str(self._settings["webhook_secret"]).split()[0].encode(), body, "sha256").hex()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: bench.example\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Laposta-Signature: {signature}\r\n"
            "X-Forwarded-For: 192.0.2.2\r\nX-Forwarded-Proto: https\r\n\r\n"
        )
        return head.encode() + body
