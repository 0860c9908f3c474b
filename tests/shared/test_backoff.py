"""Waiting after failures: longer each time, up to a limit, however often it failed."""

from __future__ import annotations

from datetime import timedelta

from shared.backoff import pause

HALF_A_MINUTE = timedelta(seconds=30)


def longest_of(failures: int) -> timedelta:
    """The longest of many pauses after the n-th failure."""
    return max(pause(failures, HALF_A_MINUTE) for _ in range(300))


def test_the_pause_grows_with_the_failures_and_stays_below_its_limit() -> None:
    """Half a second at most after the first, then twice as long each time."""
    assert longest_of(1) <= timedelta(seconds=0.5) < longest_of(4) <= timedelta(seconds=4)
    assert timedelta(seconds=20) < longest_of(20) <= HALF_A_MINUTE


def test_a_broker_that_is_away_for_weeks_is_still_tried() -> None:
    """After a thousand failures the doubling is no number any more; the loop that waits must not end by that."""
    assert pause(100_000, HALF_A_MINUTE) <= HALF_A_MINUTE


def test_processes_that_failed_together_do_not_come_back_together() -> None:
    """Full jitter: some come at once, some late."""
    pauses = {pause(9, HALF_A_MINUTE) for _ in range(100)}
    assert len(pauses) > 90
    assert min(pauses) < HALF_A_MINUTE / 4
