"""What is stored of a rights request: the case, the identity checks, what an inquiry found, and the letters."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.requests.records import Base
from shared.database import UtcDateTime
from shared.errors import NotFoundError
from shared.many import among_given

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

TERM = {"term": "requests.file"}
DATA_KEY = {"data_key": True}
Text = sa.String


class RightsRequest(Base):
    """A person's ask. Who asks and what they wrote is sealed; in the clear stand states, days and references.

    ``email_ref`` and ``phone_ref`` are of what was typed, by anybody; ``refs`` only of what the identity check
    proved. ``version`` counts the changes, for ETag and If-Match.
    """

    __tablename__ = "rights_requests"
    __table_args__ = ({"info": TERM},)

    id: Mapped[str] = mapped_column(Text(36), primary_key=True)
    reference: Mapped[str] = mapped_column(Text(20), unique=True)
    kind: Mapped[str] = mapped_column(Text(20))
    channel: Mapped[str] = mapped_column(Text(20))
    language: Mapped[str] = mapped_column(Text(2))
    entered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    entered_by: Mapped[str | None] = mapped_column(Text(100))

    received_on: Mapped[date]
    due_on: Mapped[date] = mapped_column(index=True)
    target_on: Mapped[date]
    extended_on: Mapped[date | None]
    extension_reason: Mapped[str | None] = mapped_column(Text(20))
    paused_on: Mapped[date | None]
    paused_days: Mapped[int] = mapped_column(default=0)
    warned_on: Mapped[date | None]
    breached_on: Mapped[date | None]

    state: Mapped[str] = mapped_column(Text(20))
    outcome: Mapped[str | None] = mapped_column(Text(20))
    ground: Mapped[str | None] = mapped_column(Text(60))
    decided_by: Mapped[str | None] = mapped_column(Text(100))
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    physician: Mapped[str | None] = mapped_column(Text(100))
    touches_dossier: Mapped[bool] = mapped_column(default=False)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    email_ref: Mapped[str | None] = mapped_column(Text(100), index=True)
    phone_ref: Mapped[str | None] = mapped_column(Text(100), index=True)
    email_proved: Mapped[bool] = mapped_column(default=False)
    phone_proved: Mapped[bool] = mapped_column(default=False)
    refs: Mapped[list[str]] = mapped_column(sa.JSON, default=list)
    inquiry: Mapped[str | None] = mapped_column(Text(36), unique=True)
    decision: Mapped[str | None] = mapped_column(Text(36), unique=True)
    term_end: Mapped[str | None] = mapped_column(Text(36))

    receipt_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    key_id: Mapped[str | None] = mapped_column(Text(36), info=DATA_KEY)
    version: Mapped[int] = mapped_column(default=1)


class IdentityCheck(Base):
    """One act of establishing who asks: how, by what kind of document, by whom; never a copy or a number (P62)."""

    __tablename__ = "identity_checks"
    __table_args__ = ({"info": TERM},)

    id: Mapped[str] = mapped_column(Text(36), primary_key=True)
    case: Mapped[str] = mapped_column(sa.ForeignKey("rights_requests.id"), index=True)
    method: Mapped[str] = mapped_column(Text(20))
    document_type: Mapped[str] = mapped_column(Text(20))
    outcome: Mapped[str] = mapped_column(Text(10))
    reason: Mapped[str | None] = mapped_column(Text(40))
    checked_by: Mapped[str] = mapped_column(Text(100))
    checked_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Candidate(Base):
    """A record that may be this person's: found by an inquiry, or named by staff.

    ``confirmed`` is None until a person judged it, and False when it turned out to be somebody else's.
    """

    __tablename__ = "case_candidates"
    __table_args__ = ({"info": TERM},)

    case: Mapped[str] = mapped_column(sa.ForeignKey("rights_requests.id"), primary_key=True)
    service: Mapped[str] = mapped_column(Text(20), primary_key=True)
    category: Mapped[str] = mapped_column(Text(60), primary_key=True)
    record: Mapped[str] = mapped_column(Text(36), primary_key=True)
    found: Mapped[bool] = mapped_column(default=True)
    confirmed: Mapped[bool | None]


class Letter(Base):
    """A letter of a case: what it said is sealed, how it went out is not (P67)."""

    __tablename__ = "case_letters"
    __table_args__ = ({"info": TERM},)

    id: Mapped[str] = mapped_column(Text(36), primary_key=True)
    case: Mapped[str] = mapped_column(sa.ForeignKey("rights_requests.id"), index=True)
    kind: Mapped[str] = mapped_column(Text(20))
    written_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_by: Mapped[str | None] = mapped_column(Text(20))
    sent_on: Mapped[date | None]
    track_code: Mapped[str | None] = mapped_column(Text(40))
    sealed: Mapped[bytes | None] = mapped_column(sa.LargeBinary)
    key_id: Mapped[str | None] = mapped_column(Text(36), info=DATA_KEY)


_ITS = (RightsRequest.inquiry, RightsRequest.decision)
_TAKEN = sa.union_all(*(sa.select(each).where(among_given(each, "decisions")) for each in _ITS))
_TYPED = (
    sa.select(RightsRequest.id, RightsRequest.email_ref, RightsRequest.phone_ref)
    .where(
        sa.or_(*(among_given(each, "refs") for each in (RightsRequest.email_ref, RightsRequest.phone_ref))),
        RightsRequest.sealed.is_not(None),
    )
    .order_by(RightsRequest.entered_at, RightsRequest.id)
)


def case(session: Session, case_id: str, *, lock: bool = False) -> RightsRequest:
    """Return a case, with ``lock`` held until the transaction ends. Raises NotFoundError."""
    query = sa.select(RightsRequest).where(RightsRequest.id == case_id)
    found = session.scalars(query.with_for_update() if lock else query).one_or_none()
    if found is None:
        raise NotFoundError("There is no request with this id.")
    return found


def case_of_decision(session: Session, decision: str, *, lock: bool = False) -> RightsRequest | None:
    """Return the case that a decision was taken for, its inquiry or what was decided; with ``lock`` held."""
    query = sa.select(RightsRequest).where(
        sa.or_(RightsRequest.inquiry == decision, RightsRequest.decision == decision)
    )
    return session.scalars(query.with_for_update() if lock else query).one_or_none()


def taken_for_cases(session: Session, decisions: Collection[str]) -> set[str]:
    """Return which of these decisions were taken for a case."""
    return set(session.connection().scalars(_TAKEN, {"decisions": list(decisions)}))


def listed(session: Session, *, state: str | None, after: Sequence[str] | None, limit: int) -> Sequence[RightsRequest]:
    """Return cases by due day; ``after`` is the (due day, id) of the last one of the page before."""
    query = sa.select(RightsRequest).order_by(RightsRequest.due_on, RightsRequest.id).limit(limit)
    if state:
        query = query.where(RightsRequest.state == state)
    if after:
        due_on, case_id = date.fromisoformat(after[0]), after[1]
        later = sa.and_(RightsRequest.due_on == due_on, RightsRequest.id > case_id)
        query = query.where(sa.or_(RightsRequest.due_on > due_on, later))
    return session.scalars(query).all()


def checks_of(session: Session, case_id: str) -> Sequence[IdentityCheck]:
    """Return the identity checks of a case, the first first."""
    query = sa.select(IdentityCheck).where(IdentityCheck.case == case_id)
    return session.scalars(query.order_by(IdentityCheck.checked_at, IdentityCheck.id)).all()


def candidates_of(session: Session, case_id: str) -> Sequence[Candidate]:
    """Return the records that were found or named for a case."""
    query = sa.select(Candidate).where(Candidate.case == case_id)
    return session.scalars(query.order_by(Candidate.service, Candidate.category, Candidate.record)).all()


def letters_of(session: Session, case_id: str) -> Sequence[Letter]:
    """Return the letters of a case, the first first."""
    return session.scalars(sa.select(Letter).where(Letter.case == case_id).order_by(Letter.written_at, Letter.id)).all()


def without_receipt(session: Session, email_ref: str) -> Sequence[RightsRequest]:
    """Return the cases of one typed address whose receipt is still to be mailed, the first first."""
    query = sa.select(RightsRequest).where(
        RightsRequest.email_ref == email_ref, RightsRequest.receipt_at.is_(None), RightsRequest.sealed.is_not(None)
    )
    return session.scalars(query.order_by(RightsRequest.entered_at, RightsRequest.id)).all()


def last_receipt_at(session: Session, email_ref: str) -> datetime | None:
    """Return when a receipt was last mailed to one typed address."""
    return session.scalar(sa.select(sa.func.max(RightsRequest.receipt_at)).where(RightsRequest.email_ref == email_ref))


def of_refs(session: Session, refs: Collection[str]) -> dict[str, frozenset[str]]:
    """Return the cases whose typed address or number is one of these, with the refs of each.

    Only those whose content is still there.
    """
    found = session.execute(_TYPED, {"refs": list(refs)})
    return {case: frozenset(filter(None, its)) for case, *its in found}
