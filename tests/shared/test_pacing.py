"""The pace of a write transaction on SQLite: what it takes on is what it took no longer for before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.pacing import Pace

if TYPE_CHECKING:
    from collections.abc import Sequence


class Machine:
    """One on which each call takes 4 ms, and each of its items some more; ``now`` is its clock."""

    def __init__(self, **each: float) -> None:
        self.seconds = 0.0
        self.each = each
        self.pace = Pace(lambda: self.seconds)

    def transaction(self, items: Sequence[str]) -> list[int]:
        """Do what there is time for; return how many each call was given."""
        calls = []
        for some in self.pace.slices(items, lambda item: item):
            [kind] = set(some)
            self.seconds += 0.004 + self.each[kind] * len(some)
            calls.append(len(some))
        return calls


def test_what_fits_is_learned_so_that_one_call_comes_to_do_it_all() -> None:
    """Never more than twice of what was tried, and no transaction is much longer than it may be."""
    machine = Machine(fact=0.0001)
    calls = []
    for _ in range(8):
        began = machine.seconds
        calls.append(machine.transaction(["fact"] * 200))
        assert machine.seconds - began < 0.03
    assert calls[0][:3] == [1, 2, 5]
    assert len(calls[-1]) <= 2
    assert sum(calls[-1]) > 2 * sum(calls[0])


def test_another_kind_has_another_pace() -> None:
    """A hundred light ones say nothing of a heavy one, and what stands together is of one kind."""
    machine = Machine(fact=0.0001, decision=0.01)
    for _ in range(8):
        machine.transaction(["fact"] * 200)
    assert machine.transaction([*["fact"] * 3, *["decision"] * 5, "fact"]) == [3, 1]


def test_at_least_one_is_done_however_long_it_takes_and_a_slow_one_is_not_held_against_it_for_good() -> None:
    """Or it would never be its turn; and a machine that was busy for a moment is not taken for a slow one."""
    machine = Machine(fact=0.1)
    assert machine.transaction(["fact"] * 9) == [1]
    assert machine.transaction(["fact"] * 9) == [1]
    machine.each["fact"] = 0.0001
    assert sum(machine.transaction(["fact"] * 9)) == 9
    machine.each["fact"] = 0.1
    machine.transaction(["fact"] * 9)
    machine.each["fact"] = 0.0001
    assert [sum(machine.transaction(["fact"] * 9)) for _ in range(3)] == [9, 9, 9]


def test_a_few_leave_what_many_taught() -> None:
    """Each call costs something, so that few look slower than they would be among many."""
    machine = Machine(fact=0.0001)
    for _ in range(8):
        machine.transaction(["fact"] * 200)
    before = machine.transaction(["fact"] * 200)
    for _ in range(5):
        machine.transaction(["fact"] * 2)
    assert machine.transaction(["fact"] * 200) == before
