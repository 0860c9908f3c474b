"""What this service itself holds about people: their requests. Erased is who asked and what was written.

The row stays, with states and days: the request is the proof that erasing was right (art. 7:455 BW, P76). A
request that is still open is never erased, also not by what was decided on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.requests.cases.records import Candidate, Letter, RightsRequest, of_refs
from shared.processors.interface import SubjectIdentifiers
from shared.service import Act, Holding
from shared.vault import Sealed

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.service import Changed, Tools

CATEGORY = "rights-requests"


def present(session: Session, records: Collection[str]) -> list[str]:
    """Return which of these requests still have their content."""
    query = sa.select(RightsRequest.id).where(RightsRequest.id.in_(records), RightsRequest.sealed.is_not(None))
    return list(session.scalars(query.order_by(RightsRequest.id)))


def erase(session: Session, _tools: Tools, records: Sequence[str], _now: datetime) -> Changed:
    """Take the content, references and letters out of closed requests; return the keys that sealed them."""
    cases = session.scalars(_closed_with_content(records).with_for_update()).all()
    closed = {case.id: [case.key_id] if case.key_id else [] for case in cases}
    for letter in session.scalars(sa.select(Letter).where(Letter.case.in_(closed))):
        closed[letter.case] += [letter.key_id] if letter.key_id else []
        letter.sealed = letter.key_id = letter.track_code = None
    for case in cases:
        case.sealed = case.key_id = case.email_ref = case.phone_ref = None
        case.refs = []
    session.execute(sa.delete(Candidate).where(Candidate.case.in_(closed)))
    session.flush()
    return closed


def left(session: Session, records: Sequence[str]) -> int:
    """Count what of closed requests is still there: content, references, letters, findings."""
    closed = sa.and_(RightsRequest.id.in_(records), RightsRequest.state == "closed")
    traces = sa.or_(
        RightsRequest.key_id.is_not(None), RightsRequest.email_ref.is_not(None), RightsRequest.phone_ref.is_not(None)
    )
    counts = (
        sa.select(sa.func.count()).select_from(RightsRequest).where(closed, traces),
        sa.select(sa.func.count())
        .select_from(Letter)
        .join(RightsRequest, RightsRequest.id == Letter.case)
        .where(closed, Letter.key_id.is_not(None)),
        sa.select(sa.func.count())
        .select_from(Candidate)
        .join(RightsRequest, RightsRequest.id == Candidate.case)
        .where(closed),
    )
    return sum(session.scalar(count) or 0 for count in counts)


def identify(session: Session, tools: Tools, records: Sequence[str]) -> SubjectIdentifiers | None:
    """Return who asked, for a processor that has to recognise the person."""
    query = sa.select(RightsRequest).where(RightsRequest.id.in_(records), RightsRequest.sealed.is_not(None)).limit(1)
    case = session.scalars(query).first()
    if case is None or case.sealed is None or case.key_id is None:
        return None
    content = tools.vault.open(case.id, Sealed(case.key_id, case.sealed))
    return SubjectIdentifiers(email=content["email"], phone=content["phone"], name=content["name"])


def _closed_with_content(records: Collection[str]) -> sa.Select[RightsRequest]:
    return sa.select(RightsRequest).where(
        RightsRequest.id.in_(records), RightsRequest.state == "closed", RightsRequest.sealed.is_not(None)
    )


ERASING = Act(carry_out=erase, left=left)
HOLDINGS = (
    Holding(
        category=CATEGORY,
        find=of_refs,
        present=present,
        identify=identify,
        acts={"erasure": ERASING, "term-end": ERASING},
    ),
)
