"""The two whole set-ups, as the end-to-end tests start them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench.bench import Bench
from tests.e2e.conftest import SETUPS
from tests.e2e.running import RunningSystem


@contextmanager
def running(bench: Bench, name: str) -> Iterator[RunningSystem]:
    """Start one, and end it afterwards."""
    setup = SETUPS[name](bench.directory())
    try:
        setup.start()
        yield RunningSystem(setup)
    finally:
        setup.close()
