"""The lives of a data database as its own table tells them, and the mark in its key database."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from shared.database import insert_into
from shared.messaging.tables import incarnations
from shared.restore.noticing import Life, Mark
from shared.vault.tables import key_marks

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import RowMapping
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Lives:
    """Every life of a database, the first first, and what is noted of the last."""

    all: tuple[Life, ...]
    row: RowMapping
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def current(self) -> Life:
        """The life that is now."""
        return self.all[-1]

    @property
    def may_tell(self) -> bool:
        """Whether what it says of decisions is all it can say: its data was not put back, or the journal was read."""
        is_whole = not self.current.is_catching_up or self.current.put_back == "keys"
        return is_whole or self.row["journal_read_at"] is not None


def lives_of(session: Session) -> Lives | None:
    """Return the lives of a data database, or None when it has not begun its first."""
    rows = session.execute(sa.select(incarnations).order_by(incarnations.c.number)).mappings().all()
    return Lives(tuple(_life(row) for row in rows), rows[-1], dict(rows[-1]["report"] or {})) if rows else None


def last_sure_moment(session: Session) -> datetime:
    """Return when the last life that was not busy catching up was marked last: a backup of it is no older than that."""
    sure = sa.or_(incarnations.c.put_back.is_(None), incarnations.c.caught_up_at.is_not(None))
    query = sa.select(incarnations.c.marked_at, incarnations.c.started_at).where(sure)
    row = session.execute(query.order_by(incarnations.c.number.desc()).limit(1)).one()
    moment: datetime = row.marked_at or row.started_at
    return moment


def key_mark(session: Session) -> tuple[Mark, datetime] | None:
    """Return the mark in a key database, and when it was written."""
    row = session.execute(sa.select(key_marks)).first()
    return (Mark(row.incarnation, row.mark), row.marked_at) if row is not None else None


def mark_keys(session: Session, mark: Mark, now: datetime) -> None:
    """Write the mark of a key database."""
    insert = insert_into(session, key_marks)
    values = {"incarnation": mark.incarnation, "mark": mark.number, "marked_at": now}
    session.execute(insert.values(id=1, **values).on_conflict_do_update(index_elements=["id"], set_=values))


def note(session: Session, life: str, **values: object) -> bool:
    """Note something of a life; tell whether the database still has it."""
    update = sa.update(incarnations).where(incarnations.c.id == life).values(**values).returning(incarnations.c.id)
    return session.execute(update).first() is not None


def _life(row: RowMapping) -> Life:
    return Life(
        id=row["id"],
        order=row["number"],
        mark=row["mark"],
        put_back=row["put_back"],
        is_caught_up=row["caught_up_at"] is not None,
    )
