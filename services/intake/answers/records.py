"""What was answered to a form: who and when stands in the clear, what was said is sealed."""

from __future__ import annotations

from datetime import datetime  # noqa: TC003 - SQLAlchemy reads the annotations at run time
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from services.intake.records import Base
from shared.database import UtcDateTime
from shared.many import among
from shared.vault import DATA_KEY

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class FormAnswer(Base):
    """One answer; the mail that carries it has its id."""

    __tablename__ = "form_answers"
    __table_args__ = {"info": {"term": "intake.form"}}  # noqa: RUF012 - SQLAlchemy reads it

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    form: Mapped[str] = mapped_column(sa.ForeignKey("contact_forms.id"), index=True)
    answered_at: Mapped[datetime] = mapped_column(UtcDateTime)
    answered_by: Mapped[str] = mapped_column(sa.String(100))
    sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    key_id: Mapped[str] = mapped_column(sa.String(32), info=DATA_KEY)


def answers_to(session: Session, form_id: str) -> Sequence[FormAnswer]:
    """Return the answers to a form, the first first."""
    query = sa.select(FormAnswer).where(FormAnswer.form == form_id)
    return session.scalars(query.order_by(FormAnswer.answered_at, FormAnswer.id)).all()


def delete_of(session: Session, forms: Collection[str]) -> Sequence[tuple[str, str]]:
    """Delete the answers to these forms; return of each the form and the key that sealed it."""
    gone = sa.delete(FormAnswer).where(among(FormAnswer.form, forms)).returning(FormAnswer.form, FormAnswer.key_id)
    return [(form, key) for form, key in session.execute(gone)]


def count_of(session: Session, forms: Collection[str]) -> int:
    """Count the answers to these forms, in the table itself."""
    query = sa.text("SELECT count(*) FROM form_answers WHERE form IN :forms")
    return session.scalar(query.bindparams(sa.bindparam("forms", list(forms), expanding=True))) or 0
