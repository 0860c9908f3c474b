"""Both set-ups, started once each for the scenarios of all files, each about people of its own, and gone afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.distributed import Distributed
from tests.e2e.embedded import Embedded
from tests.e2e.running import RunningSystem, processes_with
from tests.servers.kept import MissingServerError

SETUPS = {"embedded": Embedded, "distributed": Distributed}
HERE = Path(__file__).parent
running_now = ExitStack()


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """End what runs with the last test of these files: a system at rest has fifteen processes that look for work."""
    if nextitem is None or HERE not in nextitem.path.parents:
        running_now.close()


@pytest.fixture(scope="session", params=SETUPS)
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """One machine as `./run` starts it, or every process of docker-compose.yml on private servers."""
    try:
        setup = SETUPS[request.param](tmp_path_factory.mktemp(request.param))
    except MissingServerError as error:
        pytest.skip(str(error))
    running = RunningSystem(setup)
    began = time.monotonic()
    running_now.callback(setup.close)
    try:
        setup.start()
        running.measured["seconds until ready"] = time.monotonic() - began
        yield running
    finally:
        running_now.close()
    assert processes_with(setup.mark) == []
    figures = ", ".join(f"{name} {value:.2f}" for name, value in running.measured.items())
    print(f"\n{request.param}: {figures}")  # noqa: T201 - measured for a reader, `pytest -s` shows it
