"""Ratios in the same run: ours and its floor take turns, and each turn of both gives one ratio."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

PAIRS = 9  # fewer say nothing about a machine that does other things too
LONGEST = 300.0  # seconds that one turn may take before something must be wrong


@dataclass(frozen=True)
class Bar:
    """What a figure must reach and what to aim for; ``at_most`` where less is better."""

    must: float
    aim: float
    at_most: bool = False

    def __str__(self) -> str:
        """Write it as the table has it."""
        aim = f" (aim {self.aim:g})" if self.aim != self.must else ""
        return f"{'≤' if self.at_most else '≥'} {self.must:g}{aim}"

    def verdict(self, value: float) -> str:
        """Say whether a value is good enough and, if not, by how much it misses."""
        for limit, word in ((self.aim, "meets its aim"), (self.must, "meets its bar")):
            if value <= limit if self.at_most else value >= limit:
                return word
        factor = value / self.must if self.at_most else self.must / value
        return f"**misses**: {factor:.2f} times {'its bar' if self.at_most else 'as much is wanted'}"


@dataclass(frozen=True)
class Figure:
    """One line of the table: a value for each pair, and what stood on both sides.

    ``row`` is the name by which it is measured again, ``what`` tells it from others of that row.
    """

    row: str
    what: str
    values: Sequence[float]
    unit: str = ""
    bar: Bar | None = None
    ours: str = ""
    floor: str = ""
    median: float = field(init=False)

    def __post_init__(self) -> None:
        """Take the median."""
        object.__setattr__(self, "median", statistics.median(self.values))

    @property
    def verdict(self) -> str:
        """What the bar says of the median."""
        return self.bar.verdict(self.median) if self.bar else ""

    @property
    def spread(self) -> str:
        """Median, least and most."""
        unit = f" {self.unit}" if self.unit else ""
        if len(self.values) == 1:
            return f"{short(self.median)}{unit}"
        return f"{short(self.median)}{unit} ({short(min(self.values))}–{short(max(self.values))})"


def short(value: float) -> str:
    """Write a number with as many digits as mean something."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def median(values: Sequence[float]) -> str:
    """Write the median of many values."""
    return short(statistics.median(values))


def in_turns(turns: Sequence[Callable[[], Any]], pairs: int) -> list[tuple[Any, ...]]:
    """Let all take their turns, ``pairs`` times A, B, A, B; a first round warms up and does not count."""
    return [tuple(turn() for turn in turns) for _ in range(pairs + 1)][1:]


def ratios(rounds: Sequence[Sequence[float]], ours: int = 0, floor: int = 1) -> list[float]:
    """Return ours ÷ floor for each round."""
    return [each[ours] / each[floor] for each in rounds]


def seconds_until(done: Callable[[], bool], began: float, what: Callable[[], str] = str, every: float = 0.005) -> float:
    """Wait until it is so and return how long that took since ``began`` (of the performance counter)."""
    while not done():
        if time.perf_counter() - began > LONGEST:
            raise RuntimeError(f"not done within {LONGEST:.0f} seconds\n{what()}")
        time.sleep(every)
    return time.perf_counter() - began


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that ``share`` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


class Enough:
    """How many events a turn needs to last about ``seconds``, learned from the turn before it."""

    def __init__(self, first: int, most: int, seconds: float = 1.5) -> None:
        self.number = first
        self._first = first
        self._most = most
        self._seconds = seconds

    def learn(self, rate: float) -> float:
        """Take a rate into account for the next turn, and return it."""
        self.number = int(min(self._most, max(self._first, rate * self._seconds)))
        return rate
