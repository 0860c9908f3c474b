"""What is kept of an incident: its clock, what was found, and sealed what was done about it (art. 33(5) AVG)."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations at run time
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.requests.records import Base
from shared.database import UtcDateTime
from shared.errors import NotFoundError
from shared.vault import DATA_KEY

if TYPE_CHECKING:
    from collections.abc import Sequence


class Incident(Base):
    """One incident, by the id of the report that it came from: the intake has what was reported, and by whom.

    One without a report was ``entered_by`` a member of staff. ``received_at`` is when it became known, from which the
    72 hours count (art. 33(1) AVG). ``suspected`` says that a robot may have sent it: nobody was mailed, and it waits
    in the list all the same. Sealed are the facts that staff entered, and in the end what was done.
    """

    __tablename__ = "incidents"
    __table_args__ = {"info": {"term": "requests.breach"}}  # noqa: RUF012 - SQLAlchemy reads it

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    reference: Mapped[str] = mapped_column(sa.String(20))
    suspected: Mapped[bool]
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    entered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    entered_by: Mapped[str | None] = mapped_column(sa.String(100))
    reminded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    found: Mapped[str | None] = mapped_column(sa.String(20))
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_by: Mapped[str | None] = mapped_column(sa.String(100))
    term_end: Mapped[str | None] = mapped_column(sa.String(36))
    sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    key_id: Mapped[str | None] = mapped_column(sa.String(32), info=DATA_KEY)


def incident(session: Session, incident_id: str, *, to_change: bool = False) -> Incident:
    """Return an incident, held off everybody else when it is to change. Raises NotFoundError."""
    found = session.get(Incident, incident_id, with_for_update=to_change or None)
    if found is None:
        raise NotFoundError("There is no such incident.")
    return found


def find_page(session: Session, after: tuple[datetime, str] | None, limit: int, *, closed: bool) -> Sequence[Incident]:
    """Return incidents in one of the two states, the latest first, from a position on."""
    query = sa.select(Incident).where(Incident.closed_at.is_not(None) if closed else Incident.closed_at.is_(None))
    if after is not None:
        position = sa.tuple_(*after, types=[UtcDateTime(), sa.String()])
        query = query.where(sa.tuple_(Incident.received_at, Incident.id) < position)
    return session.scalars(query.order_by(Incident.received_at.desc(), Incident.id.desc()).limit(limit)).all()


def find_to_remind(session: Session, before: datetime) -> Sequence[Incident]:
    """Return open incidents whose time is over before then and of which nobody was reminded."""
    waiting = sa.and_(Incident.closed_at.is_(None), Incident.reminded_at.is_(None), Incident.due_at <= before)
    return session.scalars(sa.select(Incident).where(waiting).order_by(Incident.due_at).with_for_update()).all()


def find_over(session: Session, closed_before: datetime, limit: int, *, decided: bool) -> Sequence[Incident]:
    """Return incidents that were closed before then, and the end of whose report was decided or was not.

    Where there is no report there is nothing to decide.
    """
    ended = sa.or_(Incident.term_end.is_not(None), Incident.entered_by.is_not(None))
    over = sa.and_(Incident.closed_at <= closed_before, ended if decided else sa.not_(ended))
    return session.scalars(sa.select(Incident).where(over).order_by(Incident.closed_at).limit(limit)).all()
