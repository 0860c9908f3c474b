"""Which obligations are due, and claiming them: an attempt is counted before it is made."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from shared.database import UtcDateTime
from shared.failpoints import reach
from shared.many import among_given
from shared.propagation.tables import (
    ASKED,
    CLAIMED,
    IN_ORDER,
    OPEN,
    UNFINISHED,
    UNTRIED_OWN,
    obligations,
)

if TYPE_CHECKING:
    from datetime import datetime

    from shared.service import Tools

    Row = dict[str, Any]

LEASE = timedelta(minutes=5)  # longer than the longest time-out of an adapter's calls together
BATCH = 100
_CLAIMING = sa.update(obligations).where(among_given(obligations.c.id, "ids"))
_CLAIMING = _CLAIMING.values(state=CLAIMED, attempts=obligations.c.attempts + 1)
_NOW = sa.bindparam("now", type_=UtcDateTime())
_FAR = sa.bindparam("far", type_=UtcDateTime())


def _is_due() -> sa.ColumnElement[bool]:
    """What is to be tried, asked after, or was left behind by a worker whose lease ran out.

    What was never tried is due whatever the clock says, and no lease lasts twice as long as one: the clock may
    have been set back.
    """
    at, until = obligations.c.next_attempt_at, obligations.c.claimed_until
    untried = sa.and_(obligations.c.attempts == 0, obligations.c.problem.is_(None))
    return sa.or_(
        sa.and_(obligations.c.state == OPEN, sa.or_(at <= _NOW, untried)),
        sa.and_(obligations.c.state == ASKED, at <= _NOW),
        sa.and_(obligations.c.state == CLAIMED, sa.or_(until <= _NOW, until > _FAR)),
    )


def _is_blocked() -> sa.ColumnElement[bool]:
    earlier = aliased(obligations)
    return sa.exists().where(
        earlier.c.processor == obligations.c.processor,
        earlier.c.subject == obligations.c.subject,
        earlier.c.id < obligations.c.id,
        IN_ORDER,
    )


class _Questions:
    """What is asked at every ring, put together once."""

    def __init__(self, *wanted: sa.ColumnElement[bool]) -> None:
        own = sa.select(obligations).where(UNTRIED_OWN, *wanted).order_by(obligations.c.id)
        one = sa.select(obligations).where(UNFINISHED, _is_due(), ~_is_blocked(), *wanted).order_by(obligations.c.id)
        there = [due.with_only_columns(obligations.c.id).order_by(None).exists() for due in (own, one)]
        self.due = sa.select(there[0].label("own"), there[1].label("one"))
        self.own = own.limit(BATCH).with_for_update(skip_locked=True, of=obligations)
        self.one = one.limit(1).with_for_update(skip_locked=True, of=obligations)


_QUESTIONS = _Questions()
_PUTS_RIGHT = _Questions(obligations.c.processor == "", obligations.c.kind != "inquiry")
"""What is done while a backup is put right: nobody outside is told of what may have been erased since, or asked."""


def what_is_due(tools: Tools) -> tuple[bool, bool]:
    """Ask, without claiming it, whether there is anything for ``claim_own`` and for ``claim_one``."""
    with tools.database.asking() as session:
        row = session.connection().execute(_questions(tools).due, _times(tools.clock())).one()
    return row.own, row.one


def claim_own(tools: Tools) -> list[Row]:
    """Claim a batch for the own store, of what nobody has tried: what once took its process along goes alone."""
    return _claim(tools, _questions(tools).own)


def claim_one(tools: Tools) -> Row | None:
    """Claim one that is due: a processor's in its subject's order, or an own store's that was tried before."""
    claimed = _claim(tools, _questions(tools).one)
    return claimed[0] if claimed else None


def _questions(tools: Tools) -> _Questions:
    return _PUTS_RIGHT if tools.marks.restoring() else _QUESTIONS


def _times(now: datetime) -> dict[str, datetime]:
    return {"now": now, "far": now + 2 * LEASE}


def _claim(tools: Tools, query: sa.Select[Any]) -> list[Row]:
    now = tools.clock()
    until = now + LEASE
    with tools.database.transaction() as session:
        found = session.connection().execute(query, _times(now)).mappings().all()
        if found:
            claimed = {"ids": [row["id"] for row in found], "claimed_until": until}
            session.connection().execute(_CLAIMING, claimed)
    if found:
        reach("obligation.claimed")
    return [{**row, "state": CLAIMED, "claimed_until": until, "attempts": row["attempts"] + 1} for row in found]
