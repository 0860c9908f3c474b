"""`discreet demo`, typed as README says, on both set-ups: every receipt is there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.distributed import DistributedTrial
from tests.e2e.embedded import Embedded
from tests.e2e.running import RunningSystem, memory_of
from tests.servers.kept import MissingServerError

SETUPS = {"embedded": Embedded, "distributed": DistributedTrial}


@pytest.fixture(params=SETUPS)
def running(request: pytest.FixtureRequest, tmp_path) -> Iterator[RunningSystem]:
    """Start a system, and end it."""
    try:
        setup = SETUPS[request.param](tmp_path)
    except MissingServerError as error:
        pytest.skip(str(error))
    try:
        setup.start()
        yield RunningSystem(setup)
    finally:
        setup.close()


def test_in_a_second_terminal_the_demo_ends_in_every_receipt(running: RunningSystem) -> None:
    """Nobody says there that it is a trial; nobody would know that they have to."""
    running.setup.environ = {name: value for name, value in running.setup.environ.items() if name != "DISCREET_MODE"}
    told = running.discreet("demo").stdout
    assert told.splitlines()[-1] == "Every receipt is there."
    for row in ("unsubscribe", "erasure", "processor-signed", "re-read", "recounted", "statement", "not-addressed"):
        assert row in told
    if running.setup.name == "embedded":
        assert memory_of(running.setup.own_processes()) * 1.048576 < 200, "megabytes, the parent included"
