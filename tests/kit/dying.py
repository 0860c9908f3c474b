"""A process that dies at a failpoint, as ``kill -9`` would have it, and leaves what it did to the test."""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from typing import TYPE_CHECKING

from shared import failpoints

if TYPE_CHECKING:
    from collections.abc import Callable

ALIVE = 0
"""How a process ends that came through its work."""


def live(work: Callable[[], object], point: str | None = None, hit: int = 1, *, seconds: int = 150) -> int:
    """Do some work in a fork of this process that dies at a point; return how it ended: ALIVE, ``DIED``, or else.

    Whatever the work touches opens its own connections: databases do by themselves, a broker's are made in it. No
    thread of the caller may be in the middle of a transaction: the fork takes along what SQLite knows of its locks,
    and nobody in it ever lets go of them.
    """
    with warnings.catch_warnings():
        # Newer versions warn of threads, of which a fork has none; nothing here waits for one of its parent's.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _live_and_die(work, point, hit, seconds)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _live_and_die(work: Callable[[], object], point: str | None, hit: int, seconds: int) -> None:
    """In the child, which never returns to pytest."""
    status = 1
    try:
        signal.alarm(seconds)
        if point is not None:
            failpoints.arm(point, hit)
        work()
        status = ALIVE
    except BaseException:  # noqa: BLE001 - whatever it is, it is not the parent's
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)
