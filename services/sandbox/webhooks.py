"""How a played processor posts its webhooks: signed and repeated by its own rules, to this machine only."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests

from shared.processors.http import is_loopback

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from services.sandbox.state import Stage

ANSWER_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One body on its way; `waits` are the seconds before each further attempt, at a pace of 1.

    `headers` are made anew for each attempt, since a signature may hold the time. `accepts` tells
    which status ends it; `gave_up` is what the processor does when none of the attempts did. An answer has to
    come within `answer_seconds`.
    """

    processor: str
    url: str
    body: bytes
    headers: Callable[[bytes], Mapping[str, str]]
    waits: Sequence[float]
    accepts: Callable[[int], bool]
    gave_up: Callable[[], None]
    attempt: int = 1
    answer_seconds: float = ANSWER_SECONDS


def is_reachable(url: str) -> bool:
    """Whether the sandbox may call an address at all: it plays processors for one machine."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and is_loopback(parts.hostname or "")
    except ValueError:
        return False


def send(stage: Stage, delivery: Delivery) -> None:
    """Post a webhook from the background, once or twice as the processor behaves."""
    copies = 2 if stage.takes(delivery.processor, "event") == "twice" else 1
    for _ in range(copies):
        stage.background.schedule(0, lambda: _attempt(stage, delivery))


def answered(url: str) -> bool:
    """Whether a GET on an address gives 200, which some processors want before they use it."""
    try:
        with _session() as session:
            return session.get(url, timeout=ANSWER_SECONDS, allow_redirects=False).status_code == 200
    except requests.RequestException:
        return False


def _attempt(stage: Stage, delivery: Delivery) -> None:
    status: int | None = None
    try:
        with _session() as session:
            status = session.post(
                delivery.url,
                data=delivery.body,
                headers=dict(delivery.headers(delivery.body)),
                timeout=delivery.answer_seconds,
                allow_redirects=False,
            ).status_code
    except requests.RequestException:
        pass
    stage.record_delivery(delivery.processor, delivery.attempt, status)
    if status is not None and delivery.accepts(status):
        return
    if delivery.attempt > len(delivery.waits):
        delivery.gave_up()
        return
    again = replace(delivery, attempt=delivery.attempt + 1)
    wait = delivery.waits[delivery.attempt - 1] * stage.config.pace
    stage.background.schedule(wait, lambda: _attempt(stage, again))


def _session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    # Also what SSL_CERT_FILE names: a trial's edge has a certificate of its own making.
    session.verify = ssl.get_default_verify_paths().cafile or True
    return session
