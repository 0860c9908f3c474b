"""Answering: what a tool says of its own copy is taken once, and told to the ledger by a receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.deadlines import local_date
from shared.errors import ConflictError, InvalidInputError
from shared.processors import stated
from shared.processors.feed.adapter import find
from shared.processors.feed.tables import feed_tasks
from shared.propagation.obligations import wake_asked
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from sqlalchemy.engine import RowMapping
    from sqlalchemy.orm import Session

    from shared.propagation.register import Processor
    from shared.service import Tools

NOT_ADDRESSED = Both("Dit besluit vraagt niets van deze verwerker.", "This decision asks nothing of this processor.")
ANSWERED = Both("Hierop is al anders geantwoord.", "This was answered already, and otherwise.")
CATEGORIES = Both("Alleen categorieën van deze verwerker.", "Only categories of this processor.")


def answer(
    session: Session, tools: Tools, processor: Processor, decision: str, said: Mapping[str, Any], *, now: datetime
) -> RowMapping:
    """Take a tool's answer to a decision, and return the task with it; the same answer again changes nothing.

    Raises ConflictError where nothing is asked of the tool and where it answered otherwise before, and
    InvalidInputError for a ground, a day or a category that does not fit.
    """
    row = find(session, decision, processor.id, lock=True)
    if row is None:
        raise ConflictError(NOT_ADDRESSED)
    if row["answered_at"] is not None:
        if any(row[name] != value for name, value in said.items()):
            raise ConflictError(ANSWERED)
        return row
    stated.check(tools.policy, said["outcome"], said["ground"], said["until"], today=local_date(now))
    # The names of categories go into an event: none but those we know.
    if said["counts"].keys() - {*row["records"], *(given.category for given in processor.receives)}:
        raise InvalidInputError({"counts": [CATEGORIES]})
    values = {"answered_at": now, "closed_at": now, **said}
    answered = sa.update(feed_tasks).where(feed_tasks.c.number == row["number"]).values(**values)
    wake_asked(session, decision=decision, processor=processor.id, action=row["action"], now=now)
    return session.execute(answered.returning(feed_tasks)).mappings().one()


def close(session: Session, decision: str, processor: str, *, now: datetime) -> None:
    """Begin the term of what nobody waits for any more. It stays in the feed: closing an answer lifts no duty."""
    waiting = sa.and_(
        feed_tasks.c.decision == decision, feed_tasks.c.processor == processor, feed_tasks.c.closed_at.is_(None)
    )
    session.execute(sa.update(feed_tasks).where(waiting).values(closed_at=now))
