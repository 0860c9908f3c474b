"""How long to wait after a failure: longer each time, by chance, and never for ever."""

from __future__ import annotations

import random
from datetime import timedelta

DOUBLINGS = 30  # by then every longest pause is reached, and a float still holds the span


def pause(failures: int, longest: timedelta) -> timedelta:
    """Return how long to wait after the n-th failure in a row: full jitter over a doubling span."""
    span = min(longest.total_seconds(), 0.25 * 2 ** min(failures, DOUBLINGS))
    return timedelta(seconds=random.uniform(0, span))  # noqa: S311 - spreads load, guards nothing
