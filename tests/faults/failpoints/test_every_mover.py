"""Behind RabbitMQ, on both databases, one process after another dies, each at the next point; the last gets there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.failpoints import POINTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.failpoints.setups import Setup

WAYS = {
    "announced-and-moved": (
        "database.uncommitted",
        "outbox.written",
        "database.committed",
        *("mover.taken", "mover.stored", "mover.unmarked"),
        *("relay.taken", "relay.sending", "relay.confirming", "relay.confirming", "relay.unmarked"),
    ),
    "received-and-applied": (
        *("receiver.delivered", "inbox.stored", "receiver.unacknowledged", "receiver.acknowledged"),
        *("applier.taken", "applier.handled", "applier.marked", "obligation.made"),
    ),
    "in-the-own-store": (
        *("obligation.claimed", "own_store.acted", "own_store.act_committed", "own_store.act_committed"),
        *("vault.destroying", "vault.destroyed", "own_store.destroyed", "own_store.counting", "own_store.counted"),
        "receipt.issued",
    ),
    "at-a-processor": ("adapter.called", "adapter.called", "vault.orphaned"),
    "in-trouble": ("applier.failed", "obligation.failed"),
    "on-the-ledger": (
        *("journal.written", "journal.flushed", "ledger.journalled", "ledger.journalled"),
        *("ledger.appended", "ledger.noted", "ledger.closed"),
    ),
}
"""Points in the order in which an erasure comes by; some twice, where the next process dies in the same place."""

ONLY = {"mover": "embedded", "relay": "rabbitmq", "receiver": "rabbitmq"}
"""What only one mover has."""

UNSUBSCRIBING = ("outbox.written", "applier.handled", "ledger.journalled", "own_store.counted", "adapter.called")


def passed_by(points: tuple[str, ...], mover: str) -> list[str]:
    """Those of the points that events come by on this mover."""
    return [point for point in points if ONLY.get(point.split(".")[0], mover) == mover]


def test_no_point_is_left_out() -> None:
    """Each is on one of the ways."""
    assert {point for points in WAYS.values() for point in points} == set(POINTS)


@pytest.mark.parametrize("way", WAYS)
def test_p76_an_erasure_is_carried_out_and_told_once_however_often_its_processes_died(
    setup: Setup, dies_and_goes_on: Callable[..., None], way: str
) -> None:
    """After each, what was acknowledged is there and no receipt is ahead of its effect; in the end all is done."""
    dies_and_goes_on("erase", *((point, 1) for point in passed_by(WAYS[way], setup.mover)))


def test_an_unsubscribe_is_carried_out_and_told_once_however_often_its_processes_died(
    dies_and_goes_on: Callable[..., None],
) -> None:
    """At home and at the programme."""
    dies_and_goes_on("unsubscribe", *((point, 1) for point in UNSUBSCRIBING))
