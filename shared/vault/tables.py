"""The key database: its two tables, and how a service's tables say that they hold a data key's id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase

from shared.database import NAMING, UtcDateTime

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from sqlalchemy.orm import Session

DATA_KEY = {"data_key": True}
"""The ``info`` of every column that holds the id of a data key: what is not in one of them may be destroyed."""


class KeyBase(DeclarativeBase):
    """The tables of a service's key database, apart from its data and with backups of their own."""

    metadata = sa.MetaData(naming_convention=NAMING)


data_keys = sa.Table(
    "data_keys",
    KeyBase.metadata,
    sa.Column("key_id", sa.String(32), primary_key=True),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sa.Column("master_id", sa.String(32), nullable=False, index=True),
    sa.Column("reserved_at", UtcDateTime, nullable=False),
    sa.Column("destroyed_at", UtcDateTime),
)

master_keys = sa.Table(
    "master_keys",
    KeyBase.metadata,
    sa.Column("master_id", sa.String(32), primary_key=True),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.Column("retired_at", UtcDateTime),
)
"""Which master keys were used, so that nothing is wrapped under one that a rotation is about to destroy."""

key_marks = sa.Table(
    "key_marks",
    KeyBase.metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("incarnation", sa.String(36), nullable=False),
    sa.Column("mark", sa.BigInteger, nullable=False),
    sa.Column("marked_at", UtcDateTime, nullable=False),
)
"""How far the data had come when these keys were last known to go with them: one row (shared.restore)."""


def keys_in_use(session: Session, metadatas: Iterable[sa.MetaData], key_ids: Collection[str]) -> set[str]:
    """Return which of these data keys a column marked ``info=DATA_KEY`` still refers to."""
    columns = [
        column
        for metadata in metadatas
        for table in metadata.sorted_tables
        for column in table.columns
        if column.info.get("data_key")
    ]
    return {key_id for column in columns for key_id in session.scalars(sa.select(column).where(column.in_(key_ids)))}
