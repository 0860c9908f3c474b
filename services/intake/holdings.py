"""What the intake holds about people, and how each kind of decision is carried out on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.intake import records
from services.intake.actions import open_form
from services.intake.answers.records import count_of, delete_of
from services.intake.records import CATEGORY, ContactForm
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
    query = sa.text("SELECT id FROM contact_forms WHERE id IN :ids").bindparams(sa.bindparam("ids", expanding=True))
    return sorted(session.scalars(query, {"ids": list(identifiers)}))


def refs_of(session: Session, identifiers: Sequence[str]) -> Mapping[str, str]:
    """Return the reference of each form's address."""
    query = sa.select(ContactForm.id, ContactForm.email_ref).where(among(ContactForm.id, identifiers))
    return dict(session.execute(query).all())


def identify(session: Session, tools: Tools, identifiers: Sequence[str]) -> SubjectIdentifiers | None:
    """Return what a host recognises the sender by, also where forms came from several addresses."""
    contents = [open_form(tools, form) for form in records.find_all(session, identifiers)]
    if not contents:
        return None
    first, emails = contents[0], dict.fromkeys(normalise_email(each["email"]) for each in contents)
    email, *more = emails
    return SubjectIdentifiers(email=email, more_emails=tuple(more), phone=first["phone"], name=first["name"])


def days_of(session: Session, identifiers: Sequence[str]) -> Mapping[str, str]:
    """Return the day each form was sent: by that a host tells one of a person's forms from another."""
    return {form.id: local_date(form.received_at).isoformat() for form in records.find_all(session, identifiers)}


def erase(session: Session, _tools: Tools, identifiers: Sequence[str], _now: datetime) -> Changed:
    """Delete them with what was answered, and give up the keys of what was sealed."""
    answered = delete_of(session, identifiers)
    gone = sa.delete(ContactForm).where(among(ContactForm.id, identifiers))
    found = session.execute(gone.returning(ContactForm.id, ContactForm.key_id)).all()
    return {form: (key, *(its for of, its in answered if of == form)) for form, key in found}


def left(session: Session, identifiers: Sequence[str]) -> int:
    """Count what of these is still there: forms, and answers to them."""
    return len(present(session, identifiers)) + count_of(session, identifiers)


ERASE = Act(erase, left)

HOLDINGS = (
    Holding(
        category=CATEGORY,
        find=records.find_of,
        present=present,
        acts={"erasure": ERASE, "term-end": ERASE},
        identify=identify,
        refs_of=refs_of,
        labels=days_of,
    ),
)
