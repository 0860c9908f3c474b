"""What is kept of a report: who reported what is sealed; in the clear stand its number, times and a reference."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations at run time
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.intake.records import Base
from shared.database import UtcDateTime
from shared.errors import GoneError, NotFoundError
from shared.many import among
from shared.propagation.tombs import was_erased
from shared.vault import DATA_KEY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

CATEGORY = "security-reports"


class SecurityReport(Base):
    """One report as it was sent; ``email_ref`` where the reporter can be answered."""

    __tablename__ = "security_reports"
    __table_args__ = {"info": {"term": "intake.security-report"}}  # noqa: RUF012 - SQLAlchemy reads it

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    reference: Mapped[str] = mapped_column(sa.String(20), unique=True)
    email_ref: Mapped[str | None] = mapped_column(sa.String(100), index=True)
    language: Mapped[str] = mapped_column(sa.String(2))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    suspected: Mapped[str | None] = mapped_column(sa.String(60))
    sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    key_id: Mapped[str] = mapped_column(sa.String(32), info=DATA_KEY)


def report(session: Session, report_id: str) -> SecurityReport:
    """Return a report. Raises GoneError once it was erased, NotFoundError."""
    found = session.get(SecurityReport, report_id)
    if found is not None:
        return found
    if was_erased(session, report_id):
        raise GoneError("This report was erased.")
    raise NotFoundError("There is no such report.")


def find_of(session: Session, refs: Collection[str]) -> Mapping[str, frozenset[str]]:
    """Return the reports from one of these addresses, oldest first, with the ref of each."""
    theirs = among(SecurityReport.email_ref, refs)
    query = sa.select(SecurityReport.id, SecurityReport.email_ref).where(theirs)
    return {row.id: frozenset([row.email_ref]) for row in session.execute(query.order_by(SecurityReport.received_at))}


def find_all(session: Session, identifiers: Collection[str]) -> Sequence[SecurityReport]:
    """Return those of these reports that are still there, oldest first."""
    query = sa.select(SecurityReport).where(among(SecurityReport.id, identifiers))
    return session.scalars(query.order_by(SecurityReport.received_at)).all()
