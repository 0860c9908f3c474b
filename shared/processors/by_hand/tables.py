"""The tasks of processors that work by hand, and the links that open them."""

from __future__ import annotations

import sqlalchemy as sa

from shared.database import Base, UtcDateTime
from shared.vault import DATA_KEY

OPEN, ANSWERED, WITHDRAWN = "open", "answered", "withdrawn"

by_hand_tasks = sa.Table(
    "by_hand_tasks",
    Base.metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("idempotency_key", sa.String(100), nullable=False, unique=True),
    sa.Column("decision", sa.String(36), nullable=False, index=True),
    sa.Column("processor", sa.String(60), nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("categories", sa.JSON, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("asked_at", UtcDateTime, nullable=False, index=True),
    sa.Column("due_at", UtcDateTime, nullable=False),
    sa.Column("remind_at", UtcDateTime, nullable=False),
    sa.Column("closed_at", UtcDateTime),
    # Whom it is about; gone with its key as soon as the task is answered.
    sa.Column("subject", sa.LargeBinary),
    sa.Column("subject_key_id", sa.String(36), info=DATA_KEY),
    sa.Column("outcome", sa.String(20)),
    sa.Column("ground", sa.String(60)),
    sa.Column("until", sa.Date),
    # Who declared it, and in which words; receipts carry no more of that than its digest.
    sa.Column("statement", sa.LargeBinary),
    sa.Column("statement_key_id", sa.String(36), info=DATA_KEY),
    sa.Column("statement_digest", sa.String(64)),
    info={"term": "system.by-hand-task"},
)

by_hand_links = sa.Table(
    "by_hand_links",
    Base.metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("task", sa.String(36), sa.ForeignKey(by_hand_tasks.c.id, ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    info={"term": "system.by-hand-task"},
)
