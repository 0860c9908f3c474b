"""Timed jobs: each runs once per period over all processes of a service, and catches up after a pause.

A turn is claimed as if the run before it were almost a period ago, and only a run that came to its end counts
as one: a job that failed or was cut off is due again after ``AGAIN``, not after its period.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.database import Base, UtcDateTime, insert_once

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from shared.service import Job, Tools

job_runs = sa.Table(
    "job_runs",
    Base.metadata,
    sa.Column("job", sa.String(100), primary_key=True),
    sa.Column("started_at", UtcDateTime),  # the period that counts from here is taken care of
    info={"term": "system.structure"},
)
AGAIN = timedelta(minutes=15)
_log = logging.getLogger(__name__)


def run_due(tools: Tools, jobs: Iterable[Job], *, everything: bool = False) -> None:
    """Run the jobs that are due, or all of them; one that fails is logged and does not hold up the others."""
    started: dict[str, datetime | None] | None = None
    for job in jobs:
        now = tools.clock()
        try:
            if started is None:
                started = _started(tools)
            if (_is_due(job, started.get(job.name), now) and _take_turn(tools, job, now)) or everything:
                job.run(tools, now)
                _note(tools, job, now)
        except Exception:
            _log.exception("a job failed", extra={"fields": {"service": tools.name, "job": job.name}})
            if everything:
                raise


def _started(tools: Tools) -> dict[str, datetime | None]:
    """Return which jobs ran, and when."""
    with tools.database.asking() as session:
        return {row.job: row.started_at for row in session.execute(sa.select(job_runs))}


def _is_due(job: Job, started: datetime | None, now: datetime) -> bool:
    return started is None or not now - job.every < started <= now


def _take_turn(tools: Tools, job: Job, now: datetime) -> bool:
    """Claim this period's run; of several processes one gets it. A clock set back does not stop the jobs."""
    with tools.database.transaction() as session:
        insert_once(session, job_runs, [{"job": job.name, "started_at": None}])
        claimed = session.execute(
            sa.update(job_runs)
            .where(
                job_runs.c.job == job.name,
                sa.or_(
                    job_runs.c.started_at.is_(None),
                    job_runs.c.started_at <= now - job.every,
                    job_runs.c.started_at > now,
                ),
            )
            .values(started_at=min(now, now - job.every + AGAIN))
            .returning(job_runs.c.job)
        )
        return claimed.first() is not None


def _note(tools: Tools, job: Job, now: datetime) -> None:
    """Count a run that came to its end; one of a short period was counted when its turn was claimed."""
    if job.every > AGAIN:
        with tools.database.transaction() as session:
            session.execute(sa.update(job_runs).where(job_runs.c.job == job.name).values(started_at=now))
