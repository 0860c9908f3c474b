"""The bell: who waits is woken at once, and a ring while nobody listened is not missed."""

from __future__ import annotations

import threading
import time

from shared.bell import Bell


def test_a_ring_wakes_everybody_who_waits() -> None:
    """Two loops sleep on one bell; both wake long before their time is over."""
    bell, woken = Bell(), []
    waiting = [threading.Thread(target=lambda: woken.append(bell.wait(0, 20))) for _ in range(2)]
    for thread in waiting:
        thread.start()
    time.sleep(0.05)
    began = time.monotonic()
    bell.ring()
    for thread in waiting:
        thread.join()
    assert woken == [1, 1]
    assert time.monotonic() - began < 5


def test_a_ring_before_the_wait_is_heard() -> None:
    """Work that came while the last step was under way: no wait at all."""
    bell = Bell()
    heard = bell.wait(0, 0)
    bell.ring()
    began = time.monotonic()
    assert bell.wait(heard, 20) == heard + 1
    assert time.monotonic() - began < 5


def test_without_a_ring_the_wait_ends_by_itself() -> None:
    """The poll is the net under every wake-up."""
    assert Bell().wait(0, 0.01) == 0
