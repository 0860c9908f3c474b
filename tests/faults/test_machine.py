"""A clinic under everything that can go wrong at once, by chance: whatever the order, every promise is kept.

In the suite a few lives, always the same ones. Many more, and others each time:
``./test tests/faults/test_machine.py --examples 5000``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.faults.acts import People
from tests.faults.everyday import EMAILS, Everyday, acts, programmes, services, some
from tests.faults.parties import MOODS
from tests.faults.rest import come_to_rest
from tests.faults.watch import Watch
from tests.faults.world import KEEPERS, PROGRAMMES, World

LIVES, STEPS = 10, 40


class Machine(RuleBasedStateMachine):
    """One life of a clinic: every step is something of any day, and then perhaps something that goes wrong."""

    home: ClassVar[Path]
    lives: ClassVar[int] = 0
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        Machine.lives += 1
        self.world = World(self.home, EMAILS)
        self.people, self.watch = People(self.world), Watch(self.world)
        self.everyday = Everyday(self.world, self.people, self.watch)
        self.copies: dict[str, tuple] = {}

    @initialize(ready=st.booleans())
    def begin(self, ready) -> None:
        if ready:
            self.everyday.open_the_doors()

    @rule(act=acts)
    def nothing_goes_wrong(self, act) -> None:
        self.everyday.does(act)

    @rule(act=acts, index=some)
    def an_event_is_dropped(self, act, index) -> None:
        self.everyday.does(act)
        self.world.mover.drop(index)

    @rule(act=acts, index=some)
    def an_event_comes_twice(self, act, index) -> None:
        self.everyday.does(act)
        self.world.mover.deliver(index, again=True)

    @rule(act=acts)
    def the_broker_loses_its_disk(self, act) -> None:
        self.everyday.does(act)
        self.world.mover.lose()

    @rule(act=acts, name=services, when=st.sampled_from(["before", "after"]))
    def a_call_takes_long(self, act, name, when) -> None:
        self.world.work_slowly(name, when)
        self.everyday.does(act)

    @rule(act=acts)
    def long_calls_end(self, act) -> None:
        self.everyday.does(act)
        self.world.let_go()

    @rule(act=acts, party=st.sampled_from([*PROGRAMMES, *KEEPERS[:2]]), mood=st.sampled_from(MOODS))
    def a_processor_behaves(self, act, party, mood) -> None:
        self.world.parties[party].mood = mood
        self.everyday.does(act)

    @rule(act=acts, programme=programmes, status=st.sampled_from(["active", "ended"]))
    def the_register_changes(self, act, programme, status) -> None:
        self.world.enrol(programme, status)
        self.everyday.does(act)

    @rule(act=acts, minutes=st.sampled_from([3, 6, 120, 24 * 60, 8 * 24 * 60, 30 * 24 * 60]))
    def time_passes(self, act, minutes) -> None:
        self.everyday.does(act)
        if minutes > 3:  # no call takes longer than a lease; what follows from its answer may
            self.world.let_go(only_before=True)
        self.world.clock.forward(minutes=minutes)

    @rule(act=acts, name=services)
    def a_backup_is_made(self, act, name) -> None:
        self.copies[name] = (self.world.copy_of(name), self.world.clock())
        self.everyday.does(act)

    @rule(act=acts, name=services)
    def a_backup_is_put_back(self, act, name) -> None:
        self.everyday.does(act)
        if name in self.copies:
            self.world.let_go()
            self.watch.look()
            memory = self.watch.memory(name)
            copy, at = self.copies[name]
            self.world.put_back(name, copy)
            self.watch.forgive(name, memory, at)

    @rule(act=acts)
    def all_comes_to_rest(self, act) -> None:
        self.everyday.does(act)
        come_to_rest(self.world, self.people, self.watch)

    @invariant()
    def nothing_is_seen_that_may_not_be(self) -> None:
        Machine.steps += 1
        self.watch.look()

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                come_to_rest(self.world, self.people, self.watch)
        finally:
            self.world.close()


def test_every_promise_is_kept_whatever_happens(
    tmp_path: Path, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    """No decision lost, no effect twice or of nobody's asking, nothing back that was erased, nobody told too much."""
    wanted = request.config.getoption("examples", default=None)
    Machine.home = tmp_path / "home"
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=wanted or LIVES,
            stateful_step_count=STEPS,
            derandomize=wanted is None,
            database=None,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    with capsys.disabled():
        sys.stdout.write(f"\n{Machine.lives} lives, {Machine.steps} steps\n")
