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


def test_a_ring_for_one_kind_of_work_wakes_only_whoever_waits_for_it_or_for_any() -> None:
    """A mail that is queued is no reason to look into the outbox; a ring that names nothing is for everybody."""
    bell = Bell()
    bell.ring("mail")
    assert [bell.wait(0, 0, "mail"), bell.wait(0, 0), bell.wait(0, 0, "inbox", "mail"), bell.wait(0, 0, "outbox")] == [
        1,
        1,
        1,
        0,
    ]
    bell.ring()
    assert [bell.wait(0, 0, "mail"), bell.wait(0, 0), bell.wait(0, 0, "outbox")] == [2, 2, 1]


def test_the_bell_above_rings_for_the_same_work() -> None:
    """Each service's database has its own; a loop that works on all of them hears each."""
    above = Bell()
    Bell(above).ring("inbox")
    assert (above.wait(0, 0, "inbox"), above.wait(0, 0, "outbox")) == (1, 0)
