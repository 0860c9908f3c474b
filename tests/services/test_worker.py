"""The loops of a service: each has its turn, whatever happens to another."""

from __future__ import annotations

import pytest

from services.worker import in_turn, run
from shared.errors import ConfigurationError
from shared.settings import Settings


def test_each_has_its_turn_though_one_fails_and_then_the_loop_backs_off() -> None:
    """A service whose database is away does not stop the others; the failure is told of, so that it is logged."""
    done: list[str] = []

    def fail() -> bool:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        in_turn([lambda: done.append("first"), fail, lambda: done.append("last")])
    assert done == ["first", "last"]


@pytest.mark.parametrize(("found", "worked"), [([0, 0], False), ([3, 0], True), ([0, True], True)])
def test_there_was_work_when_any_found_some(found: list[int], worked: bool) -> None:
    """Then the loop goes round again at once."""
    assert in_turn([lambda each=each: each for each in found]) is worked


def test_without_a_broker_no_worker_works_for_one_service_alone(tmp_path) -> None:
    """It would carry that service's events to itself only, and mark them as moved: nobody else would ever hear them."""
    settings = Settings.from_environ({"DISCREET_MODE": "trial", "DISCREET_HOME": str(tmp_path)})
    with pytest.raises(ConfigurationError, match="worker all"):
        run(settings, "newsletter")
