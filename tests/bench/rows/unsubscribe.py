"""From an unsubscribe at the newsletter programme to the last receipt, on both set-ups, as the tests of both see it.

The programme is played and answers at once; it tells us by its webhook. Looked for over HTTP, as staff would.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

from tests.bench.bench import Bench
from tests.bench.measuring import Bar, Figure, in_turns
from tests.bench.setups import running
from tests.e2e.running import RunningSystem
from tests.e2e.test_story import closed_decision, subscribe

NAME = "unsubscribe"
BAR = Bar(1, 1, at_most=True)


def measure(bench: Bench) -> Iterator[Figure]:
    """Let a person sign up, confirm, and leave at the programme."""
    for setup in bench.setups:
        with running(bench, setup) as system:
            bench.say(f"{NAME}: {setup}")
            rounds = in_turns([lambda: _left(system)], bench.pairs)
        yield Figure(NAME, f"to the last receipt, {setup}", [seconds for (seconds,) in rounds], unit="s", bar=BAR)


def _left(system: RunningSystem) -> float:
    email = f"{secrets.token_hex(8)}@voorbeeld.example"
    subscribe(system, email, "Anna")
    known = {each["id"] for each in system.decisions(kind="unsubscribe")}
    began = time.perf_counter()
    system.at_programme("unsubscribe", email)
    closed_decision(system, "unsubscribe", known)
    return time.perf_counter() - began
