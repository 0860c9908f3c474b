"""A process dies at one point, every point in its turn, and the next process makes whole what it left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.failpoints import POINTS

if TYPE_CHECKING:
    from collections.abc import Callable

EMBEDDED = [point for point in POINTS if not point.startswith(("relay.", "receiver."))]
SUBSCRIBING = (
    "database.uncommitted",
    "database.committed",
    "obligation.claimed",
    "adapter.called",
    "vault.orphaned",
)
pytestmark = pytest.mark.parametrize("setup", ["embedded-sqlite"], indirect=True)


@pytest.mark.parametrize("point", EMBEDDED)
def test_p76_an_erasure_is_carried_out_and_told_once_wherever_a_process_died(
    dies_and_goes_on: Callable[..., None], point: str
) -> None:
    """Form, subscription and keys go, at two processors too; who shares the telephone keeps what is hers."""
    dies_and_goes_on("erase", (point, 1))


@pytest.mark.parametrize("point", SUBSCRIBING)
def test_a_subscriber_is_given_to_the_programme_wherever_a_process_died(
    dies_and_goes_on: Callable[..., None], point: str
) -> None:
    """Under one order, however often the programme is called."""
    dies_and_goes_on("subscribe", (point, 1))


@pytest.mark.parametrize("point", ["database.uncommitted", "database.committed"])
def test_a_process_that_dies_again_and_again_at_a_later_commit_gets_there(
    dies_and_goes_on: Callable[..., None], point: str
) -> None:
    """Before or after a commit that has no name of its own."""
    dies_and_goes_on("erase", *((point, hit) for hit in range(2, 11)))
