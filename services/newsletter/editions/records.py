"""The register of editions: what was planned or sent, how that is known, and what is wrong with it."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads it
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from services.newsletter.records import Base
from shared.database import UtcDateTime, lock_subject

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

COUNTS = ("asked", "scheduled", "sent")
"""The states in which an edition keeps others at a distance; of one that was only told of, nothing is known yet."""


class Edition(Base):
    """One mailing to the subscribers, by the programme's own id; it holds nothing about any of them.

    ``at`` is when it is planned or when its sending began. ``known_by`` is ``scheduled`` where it was planned through
    us; any other was watched. ``state`` is ``told`` until it is looked up, and ``asked`` while the programme was asked
    to plan it and has not shown it yet. ``sender_domain`` is what it is sent from, where the programme shows that.
    ``seed`` is what became of the copy in the seed mailbox, and ``lacks`` what that copy lacked. ``mailed`` are the
    warnings that staff were mailed; ``reminded_at`` is when they were reminded that the next one is due.
    """

    __tablename__ = "editions"
    __table_args__ = {"info": {"term": "newsletter.edition"}}  # noqa: RUF012 - SQLAlchemy reads it

    processor: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    campaign: Mapped[str] = mapped_column(sa.String(60), primary_key=True)
    subject: Mapped[str] = mapped_column(sa.String(300))
    about: Mapped[str | None] = mapped_column(sa.String(30))
    state: Mapped[str] = mapped_column(sa.String(10))
    known_by: Mapped[str] = mapped_column(sa.String(10))
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    audience: Mapped[str] = mapped_column(sa.String(20))
    warnings: Mapped[list[str]] = mapped_column(sa.JSON)
    mailed: Mapped[list[str]] = mapped_column(sa.JSON)
    sender_domain: Mapped[str] = mapped_column(sa.String(255))
    seed: Mapped[str | None] = mapped_column(sa.String(10))
    lacks: Mapped[list[str]] = mapped_column(sa.JSON)
    reminded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    noted_at: Mapped[datetime] = mapped_column(UtcDateTime)


def lock(session: Session) -> None:
    """Let nobody else plan an edition, or write down what a programme shows of any, until the transaction ends."""
    lock_subject(session, ["editions"])


def find(session: Session, processor: str, campaign: str) -> Edition | None:
    """Return one."""
    return session.get(Edition, (processor, campaign))


def find_counting(session: Session) -> Sequence[Edition]:
    """Return those that keep others at a distance, of whichever programme, oldest first."""
    query = sa.select(Edition).where(Edition.state.in_(COUNTS))
    return session.scalars(query.order_by(Edition.at, Edition.campaign)).all()


def find_in(session: Session, processor: str, *states: str) -> Sequence[Edition]:
    """Return those of a programme in these states."""
    wanted = sa.and_(Edition.processor == processor, Edition.state.in_(states))
    return session.scalars(sa.select(Edition).where(wanted).order_by(Edition.at)).all()


def find_waiting(session: Session, processor: str) -> Sequence[Edition]:
    """Return those that are still to be found in the seed mailbox."""
    wanted = sa.and_(Edition.processor == processor, Edition.seed == "waiting")
    return session.scalars(sa.select(Edition).where(wanted).order_by(Edition.at)).all()


def find_page(session: Session, after: tuple[datetime, str] | None, limit: int) -> Sequence[Edition]:
    """Return editions, the latest first, those that are planned at the top."""
    query = sa.select(Edition).order_by(Edition.at.desc(), Edition.campaign.desc()).limit(limit)
    if after is not None:
        at, campaign = after
        query = query.where(sa.or_(Edition.at < at, sa.and_(Edition.at == at, Edition.campaign < campaign)))
    return session.scalars(query).all()


def last_sent(session: Session) -> Edition | None:
    """Return the last edition that was sent."""
    query = sa.select(Edition).where(Edition.state == "sent").order_by(Edition.at.desc()).limit(1)
    return session.scalars(query).first()


def latest(session: Session) -> Edition | None:
    """Return the last edition that was sent or is planned."""
    query = sa.select(Edition).where(Edition.state.in_(COUNTS)).order_by(Edition.at.desc()).limit(1)
    return session.scalars(query).first()


def forget_before(session: Session, moment: datetime) -> None:
    """Delete those whose term is over."""
    session.execute(sa.delete(Edition).where(Edition.at < moment))
