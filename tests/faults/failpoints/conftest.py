"""The clinic of the story behind a broker, on both databases; test_every_point has the embedded mover."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.failpoints import DIED
from tests.faults.failpoints.judging import Judge
from tests.faults.failpoints.setups import Broker, Server, Setup

if TYPE_CHECKING:
    from collections.abc import Callable

SETUPS = ["rabbitmq-sqlite", "rabbitmq-postgresql"]


@pytest.fixture(scope="module", params=SETUPS)
def setup(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Setup:
    """One combination, made once."""
    mover, database = request.param.split("-")
    server = broker = None
    if database == "postgresql":
        databases = request.getfixturevalue("postgres")
        server = Server(databases, databases.create())
    if mover == "rabbitmq":
        broker = Broker(request.getfixturevalue("management"), request.getfixturevalue("amqp_url")())
    return Setup(tmp_path_factory.mktemp(request.param), server, broker)


@pytest.fixture
def dies_and_goes_on(setup: Setup) -> Callable[..., None]:
    """Give what lets one process after another die in an act, and sees that the last makes everything whole."""

    def play(act: str, *deaths: tuple[str, int]) -> None:
        setup.put_back(act)
        before = setup.look()
        judge = Judge(before, act)
        before.close()
        for point, hit in deaths:
            assert setup.live(act, point, hit) == DIED, f"{point} was not reached"
            setup.wait()
            judge.story = story = setup.look()
            try:
                judge.nothing_was_promised_in_vain()
            finally:
                story.close()
        judge.story = story = setup.enter()
        try:
            story.play(act)
            judge.all_is_well(crashes=len(deaths))
        finally:
            story.close()

    return play
