"""What the intake keeps: contact forms, of which only ids, times, states and references stand in the clear."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from shared.database import NAMING, UtcDateTime, insert_all
from shared.errors import GoneError, NotFoundError
from shared.many import among, among_given
from shared.propagation.tombs import was_erased
from shared.vault import DATA_KEY

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

CATEGORY = "contact-forms"
"""The data category, as the register of processors names it."""


class Base(DeclarativeBase):
    """The intake's own tables."""

    metadata = sa.MetaData(naming_convention=NAMING)


class ContactForm(Base):
    """One contact form as it was sent. Sealed are the fields that the visitor filled in.

    ``suspected`` says why it was put aside, separated by spaces; until somebody releases it, it went nowhere.
    """

    __tablename__ = "contact_forms"
    __table_args__ = {"info": {"term": "intake.form"}}  # noqa: RUF012 - SQLAlchemy reads it

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    reference: Mapped[str] = mapped_column(sa.String(20), unique=True)
    email_ref: Mapped[str] = mapped_column(sa.String(100), index=True)
    phone_ref: Mapped[str | None] = mapped_column(sa.String(100), index=True)
    language: Mapped[str] = mapped_column(sa.String(2))
    newsletter: Mapped[bool]
    privacy_version: Mapped[str] = mapped_column(sa.String(20))
    received_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    site: Mapped[str | None] = mapped_column(sa.String(40))
    suspected: Mapped[str | None] = mapped_column(sa.String(60))
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    released_by: Mapped[str | None] = mapped_column(sa.String(100))
    handled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    handled_by: Mapped[str | None] = mapped_column(sa.String(100))
    term_end: Mapped[str | None] = mapped_column(sa.String(36))
    sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    key_id: Mapped[str] = mapped_column(sa.String(32), info=DATA_KEY)

    @property
    def quarantined(self) -> bool:
        """Whether it waits for somebody to look at it."""
        return self.suspected is not None and self.released_at is None

    @property
    def term(self) -> str:
        """The data class whose term it has."""
        return "intake.quarantine" if self.quarantined else "intake.form"


_IN_QUARANTINE = sa.and_(ContactForm.suspected.is_not(None), ContactForm.released_at.is_(None))


def keep(session: Session, **columns: Any) -> None:
    """Store a form."""
    insert_all(session, cast("sa.Table", ContactForm.__table__), [columns])


def form(session: Session, form_id: str, *, again: bool = False) -> ContactForm:
    """Return a form, with ``again`` as it stands by now. Raises GoneError once it was erased, NotFoundError."""
    found = session.get(ContactForm, form_id, populate_existing=again)
    if found is not None:
        return found
    if was_erased(session, form_id):
        raise GoneError("This contact form was erased.")
    raise NotFoundError("There is no such contact form.")


_OF_REFS = (
    sa.select(ContactForm.id, ContactForm.email_ref, ContactForm.phone_ref)
    .where(sa.or_(*(among_given(each, "refs") for each in (ContactForm.email_ref, ContactForm.phone_ref))))
    .order_by(ContactForm.received_at)
)


def find_of(session: Session, refs: Collection[str]) -> dict[str, frozenset[str]]:
    """Return the forms in which one of these addresses or numbers stands, oldest first, with the refs of each."""
    found = session.execute(_OF_REFS, {"refs": list(refs)})
    return {form: frozenset(filter(None, its)) for form, *its in found}


def find_all(session: Session, identifiers: Collection[str]) -> Sequence[ContactForm]:
    """Return those of these forms that are still there, oldest first."""
    query = sa.select(ContactForm).where(among(ContactForm.id, identifiers))
    return session.scalars(query.order_by(ContactForm.received_at)).all()


def find_over(session: Session, before: datetime, limit: int, *, quarantined: bool) -> Sequence[ContactForm]:
    """Return forms of one of the two kinds that were received before then and whose end was not yet decided."""
    kind = _IN_QUARANTINE if quarantined else sa.not_(_IN_QUARANTINE)
    over = sa.and_(ContactForm.received_at <= before, ContactForm.term_end.is_(None), kind)
    return session.scalars(sa.select(ContactForm).where(over).order_by(ContactForm.received_at).limit(limit)).all()


def claim_end(session: Session, form_id: str, decision_id: str) -> bool:
    """Note the decision that ends a form; False when another was taken meanwhile."""
    undecided = sa.and_(ContactForm.id == form_id, ContactForm.term_end.is_(None))
    claimed = sa.update(ContactForm).where(undecided).values(term_end=decision_id).returning(ContactForm.id)
    return session.execute(claimed).first() is not None


def release(session: Session, form_id: str, by: str, now: datetime) -> ContactForm | None:
    """Take a form out of quarantine and return it; None when it is in none, or when somebody was first."""
    waiting = sa.and_(ContactForm.id == form_id, ContactForm.term_end.is_(None), _IN_QUARANTINE)
    released = sa.update(ContactForm).where(waiting).values(released_at=now, released_by=by).returning(ContactForm)
    return session.scalars(released).one_or_none()


def find_page(
    session: Session, after: tuple[datetime, str] | None, limit: int, *, quarantined: bool
) -> Sequence[ContactForm]:
    """Return forms, or those in quarantine, the latest first, from a position on."""
    query = sa.select(ContactForm).order_by(ContactForm.received_at.desc(), ContactForm.id.desc()).limit(limit)
    query = query.where(_IN_QUARANTINE if quarantined else sa.not_(_IN_QUARANTINE))
    if after is not None:
        position = sa.tuple_(*after, types=[UtcDateTime(), sa.String()])
        query = query.where(sa.tuple_(ContactForm.received_at, ContactForm.id) < position)
    return session.scalars(query).all()
