"""Timed jobs: once a period over all processes, made up for after a pause, and tried again after a failure."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from shared.database import Database
from shared.jobs import job_runs, run_due
from shared.service import Job
from tests.kit.installation import Hands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAY = timedelta(days=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database with the table of job runs."""
    sqlite = request.param == "sqlite"
    made = Database(f"sqlite:///{tmp_path / 'jobs.sqlite3'}" if sqlite else request.getfixturevalue("postgres_url")())
    job_runs.create(made.engine())
    yield made
    made.close()


class Desk:
    """One process of a service: its database, its clock, and a job that notes when it ran."""

    def __init__(self, database: Database) -> None:
        self.clock = Hands()
        self.tools = SimpleNamespace(name="intake", database=database, clock=self.clock)
        self.ran: list[datetime] = []
        self.failing = False

    def run(self, _tools: object, now: datetime) -> None:
        self.ran.append(now)
        if self.failing:
            raise ConnectionError("anna@example.nl")

    def work(self, every: timedelta = DAY, **how: bool) -> int:
        """Do what is due now; return how often the job ran so far."""
        run_due(self.tools, [Job("sweep", every, self.run)], **how)
        return len(self.ran)


@pytest.fixture
def desk(database: Database) -> Desk:
    """One process."""
    return Desk(database)


def test_a_job_runs_at_the_first_start_and_then_once_a_period(desk: Desk) -> None:
    """Daily means daily, however often the loop looks."""
    assert [desk.work(), desk.work()] == [1, 1]
    desk.clock.forward(hours=23, minutes=59)
    assert desk.work() == 1
    desk.clock.forward(minutes=1)
    assert [desk.work(), desk.work()] == [2, 2]


def test_after_a_pause_it_catches_up_once(desk: Desk) -> None:
    """A machine that was off for a week: what was due then is done now, and not seven times."""
    desk.work()
    desk.clock.forward(days=7)
    assert [desk.work(), desk.work()] == [2, 2]


def test_of_several_processes_one_gets_the_turn(database: Database) -> None:
    """Eight processes look at the same moment."""
    desks = [Desk(database) for _ in range(8)]
    threads = [threading.Thread(target=desk.work) for desk in desks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(desk.ran) for desk in desks) == 1


def test_a_clock_that_was_set_back_does_not_stop_the_jobs(desk: Desk) -> None:
    """It ran in a year that has not come yet: it runs now, and from now on once a period."""
    desk.clock.now = datetime(2036, 1, 1, tzinfo=UTC)
    desk.work()
    desk.clock.now = datetime(2026, 1, 1, tzinfo=UTC)
    assert [desk.work(), desk.work()] == [2, 2]
    desk.clock.forward(days=1)
    assert desk.work() == 3


def test_a_job_that_fails_holds_up_no_other_and_does_not_wait_for_its_next_period(desk: Desk) -> None:
    """The database was away for a moment: what a person's term depends on is not put off to tomorrow."""
    other = []
    desk.failing = True
    jobs = [Job("sweep", DAY, desk.run), Job("other", DAY, lambda _tools, now: other.append(now))]
    run_due(desk.tools, jobs)
    assert (len(desk.ran), len(other)) == (1, 1)
    desk.failing = False
    desk.clock.forward(minutes=5)
    run_due(desk.tools, jobs)
    assert (len(desk.ran), len(other)) == (1, 1)
    desk.clock.forward(minutes=10)
    run_due(desk.tools, jobs)
    assert (len(desk.ran), len(other)) == (2, 1)
    desk.clock.forward(hours=23)
    run_due(desk.tools, jobs)
    assert len(desk.ran) == 2


def test_a_job_that_was_cut_off_is_done_again_soon(desk: Desk) -> None:
    """The process was killed in the middle of a sweep."""
    desk.run = _killed  # type: ignore[method-assign]
    with pytest.raises(SystemExit):
        desk.work()
    after = Desk(desk.tools.database)
    after.clock.now = desk.clock.now + timedelta(minutes=15)
    assert after.work() == 1


def _killed(_tools: object, _now: datetime) -> None:
    raise SystemExit


def test_a_job_that_runs_often_is_not_put_off_by_a_failure(desk: Desk) -> None:
    """Each half minute stays each half minute."""
    desk.failing = True
    span = timedelta(seconds=30)
    assert desk.work(span) == 1
    desk.clock.forward(seconds=29)
    assert desk.work(span) == 1
    desk.clock.forward(seconds=1)
    assert desk.work(span) == 2


def test_on_command_everything_runs_now_and_a_failure_is_said(desk: Desk) -> None:
    """``discreet sweep`` does not ask whose turn it is, and does not hide what went wrong."""
    desk.work()
    assert desk.work(everything=True) == 2
    desk.failing = True
    with pytest.raises(ConnectionError):
        desk.work(everything=True)
