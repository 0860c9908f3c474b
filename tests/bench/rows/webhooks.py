"""A programme's webhook by POST, proved by signature and address, and taken in, against a bare view with one INSERT.

Each tells that somebody left: their subscription ends and a decision is announced, in the transaction by which the
event is known again. A second figure is of news that changes nothing here but that. The bare view gets the same bytes.
"""

from __future__ import annotations

import hmac
import json
import uuid
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import count
from zoneinfo import ZoneInfo

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
        turn_of(bench, shipped, laposta.profiles, 200),
    ]
    rounds = in_turns(turns, bench.pairs)
    rates = [f"{median([each[side] for each in rounds])} POST/s" for side in range(3)]
    on = SHOWN[place.database]
    for side, what in ((0, "an opt-out"), (2, "news that changes nothing")):
        told = f"webhook with {what} ÷ bare Flask view, {on}"
        yield Figure(NAME, told, ratios(rounds, ours=side), bar=BAR, ours=rates[side], floor=rates[1])


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
        return [self._request(self._path, "deactivated", "unsubscribed", email) for email in emails]

    def profiles(self, number: int) -> Sequence[bytes]:
        """Let people whom nobody here knows change their first names."""
        return [self._request(self._path, "modified", "modified", self._nobody()) for _ in range(number)]

    def to_the_floor(self, number: int) -> Sequence[bytes]:
        """The same bytes as of opt-outs, for the plain view."""
        return [self._request("/webhook", "deactivated", "unsubscribed", self._nobody()) for _ in range(number)]

    def _nobody(self) -> str:
        return f"{next(self._numbers):032x}@bench.example"

    def _request(self, path: str, event: str, action: str, email: str) -> bytes:
        local = datetime.now(ZONE).strftime("%Y-%m-%d %H:%M:%S")
        data = {
            "list_id": self._settings["list_id"],
            "member_id": email[:32],
            "email": email,
            "state": "unsubscribed" if event == "deactivated" else "active",
            "signup_date": local,
            "ip": "192.0.2.1",
            "custom_fields": {"voornaam": "Lid"},
        }
        item = {
            "type": "member",
            "event": event,
            "data": data,
            "info": {"date_event": local, "action": action, "source": "external"},
        }
        body = json.dumps({"data": [item], "date_requested": local}).encode()
        signature = hmac.digest(str(self._settings["webhook_secret"]).split()[0].encode(), body, "sha256").hex()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: bench.example\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nX-Laposta-Signature: {signature}\r\n"
            "X-Forwarded-For: 192.0.2.2\r\nX-Forwarded-Proto: https\r\n\r\n"
        )
        return head.encode() + body
