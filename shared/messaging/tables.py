"""The outbox and the inbox: the exact bytes of every event, with its signature beside it."""

from __future__ import annotations

import sqlalchemy as sa

from shared.database import Base, RowId, UtcDateTime

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
    sa.UniqueConstraint("source", "event_id"),
    sqlite_autoincrement=True,
    info={"term": "system.inbox"},
)

for _table in (outbox, inbox):
    _waiting = _table.c.state == WAITING
    sa.Index(f"ix_{_table.name}_waiting", _table.c.id, postgresql_where=_waiting, sqlite_where=_waiting)

incarnations = sa.Table(
    "incarnations",
    Base.metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("started_at", UtcDateTime, nullable=False),
    info={"term": "system.structure"},
)
