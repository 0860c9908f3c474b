"""Reports as personal data of whoever sent them: found by their address, and erased like anything else of theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.intake.reports.actions import open_report
from services.intake.reports.records import CATEGORY, SecurityReport, find_all, find_of
from shared.deadlines import local_date
from shared.identity import normalise_email
from shared.many import among
from shared.processors.interface import SubjectIdentifiers
from shared.service import Act, Holding

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.service import Changed, Tools


def present(session: Session, identifiers: Collection[str]) -> list[str]:
    """Return which of these are still there, counted in the table itself."""
    query = sa.text("SELECT id FROM security_reports WHERE id IN :ids").bindparams(sa.bindparam("ids", expanding=True))
    return sorted(session.scalars(query, {"ids": list(identifiers)}))


def erase(session: Session, _tools: Tools, identifiers: Sequence[str], _now: datetime) -> Changed:
    """Delete them, and give up the keys of what was sealed; what was done about them stays with the incidents."""
    gone = sa.delete(SecurityReport).where(among(SecurityReport.id, identifiers))
    found = session.execute(gone.returning(SecurityReport.id, SecurityReport.key_id))
    return {row.id: [row.key_id] for row in found}


def identify(session: Session, tools: Tools, identifiers: Sequence[str]) -> SubjectIdentifiers | None:
    """Return who reported, where they said so."""
    contents = [open_report(tools, each) for each in find_all(session, identifiers)]
    named = next((each for each in contents if each["email"]), None)
    return SubjectIdentifiers(email=normalise_email(named["email"]), name=named["name"]) if named else None


def refs_of(session: Session, identifiers: Sequence[str]) -> Mapping[str, str]:
    """Return the reference of the address of each report that has one."""
    return {each.id: each.email_ref for each in find_all(session, identifiers) if each.email_ref}


def days_of(session: Session, identifiers: Sequence[str]) -> Mapping[str, str]:
    """Return the day each report came in."""
    return {each.id: local_date(each.received_at).isoformat() for each in find_all(session, identifiers)}


ERASE = Act(erase, lambda session, identifiers: len(present(session, identifiers)))

HOLDINGS = (
    Holding(
        category=CATEGORY,
        find=find_of,
        present=present,
        acts={"erasure": ERASE, "term-end": ERASE},
        identify=identify,
        refs_of=refs_of,
        labels=days_of,
    ),
)
