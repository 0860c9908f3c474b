"""Reading a feed: what a decision asks of a tool, in the order in which it was put there, from where it stopped."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.errors import InvalidInputError
from shared.messaging.outbox import incarnation
from shared.processors.feed.tables import feed_tasks
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import RowMapping
    from sqlalchemy.orm import Session

PLACE = re.compile(r"(?P<incarnation>[A-Za-z0-9-]{1,36})\.(?P<number>[0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a feed; ``last`` is where it goes on, also when there is nothing more now."""

    tasks: Sequence[RowMapping]
    last: str
    more: bool


def read_on(session: Session, processor: str, after: str | None, size: int) -> Page:
    """Return what came after a place in a tool's feed, at most ``size`` tasks; without a place, from its start.

    A place names the incarnation of the database. In one that was put back from a backup numbers are given again,
    so there the feed is read from its start: what was answered before is only answered again.
    Raises InvalidInputError for what is no place.
    """
    current = incarnation(session)
    number = _number(after, current)
    query = sa.select(feed_tasks).where(feed_tasks.c.processor == processor, feed_tasks.c.number > number)
    rows = session.execute(query.order_by(feed_tasks.c.number).limit(size + 1)).mappings().all()
    shown = rows[:size]
    return Page(shown, f"{current}.{shown[-1]['number'] if shown else number}", len(rows) > size)


def _number(after: str | None, current: str) -> int:
    if after is None:
        return 0
    place = PLACE.fullmatch(after)
    if place is None:
        raise InvalidInputError({"after": [Both("Geen plaats in deze lijst.", "Not a place in this list.")]})
    return int(place["number"]) if place["incarnation"] == current else 0
