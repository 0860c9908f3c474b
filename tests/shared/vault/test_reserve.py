"""Data keys are reserved ahead, given out once, and not kept for long."""

from __future__ import annotations

import os
import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from shared.database import Database
from shared.errors import ConfigurationError
from shared.vault.masters import Masters
from shared.vault.reserve import LARGE, LIFETIME, SMALL, Reserve, elapsed
from shared.vault.tables import data_keys, master_keys


@pytest.fixture
def reserve(key_database: Database, key_file, hands) -> Reserve:
    """Make a reserve whose time a test moves."""
    return Reserve(key_database, Masters(key_file.read, "intake"), hands.calendar, seconds=hands.passing)


def rows(database: Database) -> int:
    """Count the keys in the key database."""
    with database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(data_keys)) or 0


def test_a_key_is_in_the_database_before_it_is_given_out(reserve: Reserve, key_database: Database) -> None:
    """A record sealed under a key that a crash forgot would be lost."""
    key_id, key = reserve.issue()
    with key_database.reading() as session:
        assert session.scalar(sa.select(data_keys.c.wrapped).where(data_keys.c.key_id == key_id)) is not None
    assert len(key) == 32


def test_a_quiet_service_reserves_few_and_a_busy_one_many(reserve: Reserve, key_database: Database) -> None:
    """Each reserve is one commit; what is not used is swept."""
    for _ in range(SMALL):
        reserve.issue()
    assert rows(key_database) == SMALL
    reserve.issue()
    assert rows(key_database) == SMALL + LARGE


@pytest.mark.parametrize(("calendar", "seconds"), [(1, 0), (0, 1), (-1, 0), (1, 1)])
def test_a_block_is_used_for_an_hour_at_most(
    reserve: Reserve, hands, key_database: Database, calendar: int, seconds: int
) -> None:
    """By either clock: one stands still while a machine sleeps, the other can be set."""
    first = reserve.issue()
    hands.now += calendar * LIFETIME
    hands.seconds += seconds * LIFETIME.total_seconds()
    second = reserve.issue()
    with key_database.reading() as session:
        times = set(session.scalars(sa.select(data_keys.c.reserved_at)))
        reserved = session.scalar(sa.select(data_keys.c.reserved_at).where(data_keys.c.key_id == second.key_id))
    assert rows(key_database) == 2 * SMALL
    assert reserved == hands.now
    assert len(times) == (2 if calendar else 1)
    assert first.key_id != second.key_id


def test_within_the_hour_a_block_goes_on(reserve: Reserve, hands, key_database: Database) -> None:
    """One commit serves until then."""
    reserve.issue()
    hands.move(LIFETIME - timedelta(seconds=1))
    reserve.issue()
    assert rows(key_database) == SMALL


def test_a_forked_child_draws_from_a_block_of_its_own(reserve: Reserve) -> None:
    """Parent and child would otherwise both give out what the parent had in hand, or wait for a lost lock."""
    reserve.issue()
    block = reserve._block
    read, write = os.pipe()
    locked, finish = threading.Event(), threading.Event()

    def hold() -> None:
        with block.lock:
            locked.set()
            finish.wait()

    holder = threading.Thread(target=hold)
    holder.start()
    locked.wait()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, " ".join(reserve.issue().key_id for _ in range(SMALL)).encode())
        finally:
            os._exit(0)
    finish.set()
    holder.join()
    os.close(write)
    _, status = os.waitpid(child, 0)
    with os.fdopen(read) as pipe:
        theirs = set(pipe.read().split())
    ours = {reserve.issue().key_id for _ in range(SMALL - 1)}
    assert os.waitstatus_to_exitcode(status) == 0
    assert len(theirs) == SMALL
    assert not ours & theirs


def test_two_threads_of_a_forked_child_never_get_one_key(reserve: Reserve) -> None:
    """Even when both find at once that the block is their parent's."""
    reserve._block.process = -1
    issued: list[str] = []
    start = threading.Barrier(6)

    def issue() -> None:
        start.wait()
        issued.extend(reserve.issue().key_id for _ in range(10))

    threads = [threading.Thread(target=issue) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(issued)) == 60


def test_nothing_is_reserved_under_a_retired_master_key(
    reserve: Reserve, key_file, key_database: Database, hands
) -> None:
    """The rotation that retired it may destroy it at any moment; a key wrapped under it would be lost."""
    reserve.issue()
    with key_database.transaction() as session:
        session.execute(sa.update(master_keys).values(retired_at=hands.now))
    hands.move(LIFETIME)
    with pytest.raises(ConfigurationError, match="retired"):
        reserve.issue()
    assert rows(key_database) == SMALL
    key_file.ring = key_file.ring.with_new_key()
    assert reserve.issue()


def test_a_rotation_between_reading_and_writing_is_noticed(key_database: Database, key_file, hands) -> None:
    """The key file is read again, and the new master key is used."""
    old = key_file.ring
    new = old.with_new_key()
    read = iter([old, new])
    reserve = Reserve(key_database, Masters(lambda: next(read), "intake"), hands.calendar, seconds=hands.passing)
    with key_database.transaction() as session:
        row = {"master_id": old.current, "seen_at": hands.now, "retired_at": hands.now}
        session.execute(sa.insert(master_keys), [row])
    key_id, _ = reserve.issue()
    with key_database.reading() as session:
        masters = sa.select(data_keys.c.master_id).where(data_keys.c.key_id == key_id)
        assert session.scalar(masters) == new.current


def test_the_clock_that_passes_does_not_go_back() -> None:
    """It counts seconds, and goes on while a machine sleeps where the system has such a clock."""
    assert elapsed() <= elapsed()
