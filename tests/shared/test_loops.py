"""Loops: they work while there is work, outlive what fails, and show that they live."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from shared.bell import Bell
from shared.loops import Crew, Loop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Running:
    """Loops in threads of their own, until the test is over."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._loops: list[tuple[Loop, threading.Thread]] = []

    def start(self, step: Callable[[], bool], *, poll: float = 60) -> Loop:
        loop = Loop("tried", step, Bell(), poll=poll)
        self.run(loop)
        return loop

    def run(self, loop: Loop) -> threading.Thread:
        thread = threading.Thread(target=loop.run, args=(self.stop,))
        self._loops.append((loop, thread))
        thread.start()
        return thread

    def end(self) -> None:
        self.stop.set()
        for loop, thread in self._loops:
            loop.bell.ring()
            thread.join(5)
            assert not thread.is_alive()


@pytest.fixture
def running() -> Iterator[Running]:
    """Loops that all end when they are told to."""
    made = Running()
    yield made
    made.end()


def until(condition: Callable[[], bool], within: float = 5) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.005)


def test_a_loop_goes_on_while_there_is_work_and_then_waits_for_the_bell(running: Running) -> None:
    """Three pieces of work without any pause, then one more when it is called."""
    work, done = [1, 2, 3], []

    def step() -> bool:
        done.extend(work[:1])
        return bool(work) and bool(work.pop(0))

    loop = running.start(step)
    until(lambda: done == [1, 2, 3])
    work.append(4)
    time.sleep(0.05)
    assert done == [1, 2, 3]
    loop.bell.ring()
    until(lambda: done == [1, 2, 3, 4])


def test_a_ring_during_a_step_is_not_missed(running: Running) -> None:
    """Work that comes just when the step has found nothing: it goes round again at once."""
    seen = []

    def step() -> bool:
        seen.append(len(seen))
        if len(seen) == 2:
            loop.bell.ring()
        return False

    loop = running.start(step)
    until(lambda: len(seen) >= 1)
    loop.bell.ring()
    until(lambda: len(seen) >= 3)


def test_without_a_bell_the_poll_is_the_net(running: Running) -> None:
    """A wake-up that was lost costs a second, no more."""
    seen = []
    running.start(lambda: bool(seen.append(1)), poll=0.02)
    until(lambda: len(seen) > 2)


def test_a_step_that_fails_does_not_end_the_loop(running: Running) -> None:
    """The database is away for a while; when it is back, work goes on and the failures are forgotten."""
    seen = []

    def step() -> bool:
        seen.append(1)
        if len(seen) < 3:
            raise ConnectionError("anna@example.nl")
        return False

    loop = running.start(step)
    until(lambda: len(seen) >= 3)
    until(lambda: loop.failures == 0)


def test_a_loop_that_failed_a_thousand_times_still_tries(running: Running) -> None:
    """However long the database is away, the thread is there when it comes back."""

    def step() -> bool:
        loop.failures = 5000
        raise ConnectionError

    loop = Loop("tried", step, Bell())
    thread = running.run(loop)
    until(lambda: loop.failures == 5001)
    thread.join(0.1)
    assert thread.is_alive()


def test_of_a_crew_one_looks_while_the_others_do_what_was_found(running: Running) -> None:
    """Both pieces of work are under way at once; and what has to come after the first is looked for when it is done."""
    bell, looks, begun, done = Bell(), [], [], threading.Event()
    work = ["first", "second"]

    def find() -> Callable[[], object] | None:
        looks.append(threading.get_ident())
        if not work:
            return None
        name = work.pop(0)
        return lambda: (begun.append(name), done.wait(10))

    for loop in Crew(find, bell, "obligation").loops("tried", 4):
        running.run(loop)
    until(lambda: len(begun) == 2)
    time.sleep(0.1)
    assert len(looks) == 3  # nobody asks again what was just answered
    work.append("third")
    done.set()
    until(lambda: begun[2:] == ["third"])


HANGING = """
import sys, threading, time
from shared.bell import Bell
from shared.log import configure_logging
from shared.loops import Loop, run_all
configure_logging()
def quiet(): return False
def hang(): time.sleep(60)
loops = [Loop("quiet", quiet, Bell(), patience=1, poll=0.1), Loop("stuck", {step}, Bell(), patience=1, poll=0.1)]
stop = threading.Event()
threading.Timer(3.5, stop.set).start()
run_all(loops, stop)
print("stopped cleanly")
"""


def test_a_loop_that_hangs_ends_its_process_so_that_another_takes_over() -> None:
    """Whoever waits for ever on something is not there; the line says which loop it was."""
    done = subprocess.run(
        [sys.executable, "-c", HANGING.format(step="hang")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 70
    assert '"loop": "stuck"' in done.stderr
    assert "stopped cleanly" not in done.stdout


def test_loops_that_live_end_when_they_are_told_to() -> None:
    """Each goes round once more and is done."""
    done = subprocess.run(
        [sys.executable, "-c", HANGING.format(step="quiet")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "stopped cleanly\n"), done.stderr
