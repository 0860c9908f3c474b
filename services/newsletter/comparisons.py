"""What is kept of comparisons with a programme's list: how far one is, and what it found, in numbers only."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from services.newsletter.records import CONFIRMED, Base, Subscription
from shared.database import UtcDateTime
from shared.many import among

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import RowMapping
    from sqlalchemy.orm import Session

DAILY, COMMAND, DRY = "daily", "command", "dry"
KEPT = timedelta(days=92)

comparisons = sa.Table(
    "comparisons",
    Base.metadata,
    sa.Column("processor", sa.String(60), primary_key=True),
    sa.Column("began_at", UtcDateTime, primary_key=True),
    sa.Column("how", sa.String(10), nullable=False),
    sa.Column("place", sa.String(1000)),  # where it goes on; nothing when it came to its end, or cannot go on
    sa.Column("found", sa.JSON, nullable=False),  # {what: how often}
    sa.Column("ended_at", UtcDateTime),
    info={"term": "system.structure"},
)


def begin(session: Session, processor: str, now: datetime, how: str, place: str) -> None:
    """Begin one, and forget those of a season ago."""
    session.execute(sa.delete(comparisons).where(comparisons.c.began_at < now - KEPT))
    values = {"processor": processor, "began_at": now, "how": how, "place": place, "found": {}}
    session.execute(sa.insert(comparisons).values(values))


def find(session: Session, processor: str, began_at: datetime) -> RowMapping:
    """Return one."""
    return session.execute(sa.select(comparisons).where(_this(processor, began_at))).mappings().one()


def last(session: Session, processor: str | None = None, *, ended: bool = False) -> RowMapping | None:
    """Return the last one that was meant to change something; with ``ended`` the last that came to its end."""
    query = sa.select(comparisons).where(comparisons.c.how != DRY).order_by(comparisons.c.began_at.desc()).limit(1)
    if processor is not None:
        query = query.where(comparisons.c.processor == processor)
    if ended:
        query = query.where(comparisons.c.ended_at.is_not(None))
    return session.execute(query).mappings().first()


def note(session: Session, processor: str, began_at: datetime, found: Mapping[str, int], **more: Any) -> None:
    """Add to what one found, and change where it is."""
    this = _this(processor, began_at)
    before = session.scalar(sa.select(comparisons.c.found).where(this).with_for_update()) or {}
    together = {**before, **{what: before.get(what, 0) + number for what, number in found.items() if number}}
    session.execute(sa.update(comparisons).where(this).values(found=together, **more))


def note_seen(session: Session, subscriptions: Collection[str], at: datetime) -> None:
    """Remember that these people were on the programme's list."""
    before = sa.or_(Subscription.seen_at.is_(None), Subscription.seen_at < at)
    theirs = sa.and_(among(Subscription.id, subscriptions), before)
    session.execute(sa.update(Subscription).where(theirs).values(seen_at=at))


def find_unseen(session: Session, since: datetime, after: str, limit: int) -> Sequence[Subscription]:
    """Return confirmed subscriptions whose people were not on the list since then, by id."""
    unseen = sa.and_(
        Subscription.state == CONFIRMED,
        Subscription.confirmed_at < since,
        sa.or_(Subscription.seen_at.is_(None), Subscription.seen_at < since),
        Subscription.id > after,
    )
    return session.scalars(sa.select(Subscription).where(unseen).order_by(Subscription.id).limit(limit)).all()


def count_subscribers(session: Session) -> int:
    """Return how many are subscribed."""
    counting = sa.select(sa.func.count()).select_from(Subscription).where(Subscription.state == CONFIRMED)
    return session.scalar(counting) or 0


def _this(processor: str, began_at: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(comparisons.c.processor == processor, comparisons.c.began_at == began_at)
