"""Up to where each folder of the mailbox was read; its name, which may name a person, is kept as a keyed digest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.intake.records import Base
from shared.database import insert_into
from shared.mail.mailbox_folders import Place

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

read_folders = sa.Table(
    "read_folders",
    Base.metadata,
    sa.Column("folder", sa.String(64), primary_key=True),
    sa.Column("validity", sa.BigInteger, nullable=False),
    sa.Column("number", sa.BigInteger, nullable=False),
    info={"term": "system.structure"},
)


def read_to(session: Session) -> dict[str, Place]:
    """Return up to where each folder was read, by its digest."""
    return {row.folder: Place(row.validity, row.number) for row in session.execute(sa.select(read_folders))}


def note_read(session: Session, places: Mapping[str, Place]) -> None:
    """Remember up to where folders are read now."""
    for folder, place in sorted(places.items()):
        its = {"validity": place.validity, "number": place.number}
        insert = insert_into(session, read_folders).values(folder=folder, **its)
        session.execute(insert.on_conflict_do_update(index_elements=["folder"], set_=its))
