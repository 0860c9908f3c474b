"""The outbox and the inbox: the exact bytes of every event, with its signature beside it."""

from __future__ import annotations

import sqlalchemy as sa

from shared.database import Base, RowId, UtcDateTime
from shared.vault.tables import DATA_KEY

WAITING, MOVED, APPLIED, PARKED = "waiting", "moved", "applied", "parked"


def _event_columns() -> tuple[sa.Column[str], ...]:
    return (
        sa.Column("event_id", sa.String(64), nullable=False),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("signature", sa.String(100), nullable=False),
        sa.Column("key_id", sa.String(40), nullable=False),
    )


def _work_columns() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_attempt_at", UtcDateTime, nullable=False),
        sa.Column("problem", sa.String(200)),
    )


outbox = sa.Table(
    "outbox",
    Base.metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    *_event_columns(),
    *_work_columns(),
    sa.Column("routing_key", sa.String(100), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("moved_at", UtcDateTime),
    sqlite_autoincrement=True,
    info={"term": "system.outbox"},
)

inbox = sa.Table(
    "inbox",
    Base.metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("source", sa.String(60), nullable=False),
    *_event_columns(),
    *_work_columns(),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("applied_at", UtcDateTime),
    # What this service was told by somebody outside, until it has acted on it (see inbox.keep).
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("sealed_key", sa.String(32), info=DATA_KEY),
    sa.UniqueConstraint("source", "event_id"),
    sqlite_autoincrement=True,
    info={"term": "system.inbox"},
)

IS_WAITING = sa.text("state = 'waiting'")
"""Said in these words in questions too, so that either database sees that the index answers them."""
for _table in (outbox, inbox):
    sa.Index(f"ix_{_table.name}_waiting", _table.c.id, postgresql_where=IS_WAITING, sqlite_where=IS_WAITING)
_IS_SEALED = sa.text("sealed_key IS NOT NULL")
sa.Index("ix_inbox_sealed_key", inbox.c.sealed_key, postgresql_where=_IS_SEALED, sqlite_where=_IS_SEALED)

incarnations = sa.Table(
    "incarnations",
    Base.metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, server_default="1"),
    sa.Column("started_at", UtcDateTime, nullable=False),
    # How far this life has come, as its mark outside the database says too (shared.restore).
    sa.Column("mark", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("marked_at", UtcDateTime),
    # What was put back before this life began (data, keys, both), and how far it is with what that takes.
    sa.Column("put_back", sa.String(10)),
    sa.Column("journal_read_at", UtcDateTime),
    sa.Column("caught_up_at", UtcDateTime),
    sa.Column("report", sa.JSON),
    info={"term": "system.structure"},
)
"""The lives of a database: the first from its making, each further one from a backup that was put back."""
