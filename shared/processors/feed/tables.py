"""What the feeds hold: which decision asks a tool to do what to which records, and what the tool answered."""

from __future__ import annotations

import sqlalchemy as sa

from shared.database import Base, RowId, UtcDateTime

feed_tasks = sa.Table(
    "feed_tasks",
    Base.metadata,
    # A tool reads on from the last number it has seen.
    sa.Column("number", RowId, primary_key=True, autoincrement=True),
    sa.Column("decision", sa.String(36), nullable=False),
    sa.Column("processor", sa.String(60), nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("records", sa.JSON, nullable=False),  # {category: [record id, ...]}
    sa.Column("asked_at", UtcDateTime, nullable=False),
    sa.Column("due_at", UtcDateTime),
    sa.Column("answered_at", UtcDateTime),
    # Answered, or closed by two people without an answer: it can still be read and answered until its term is over.
    sa.Column("closed_at", UtcDateTime),
    sa.Column("outcome", sa.String(20)),
    sa.Column("ground", sa.String(60)),
    sa.Column("until", sa.Date),
    sa.Column("counts", sa.JSON, nullable=False),  # {category: number}
    sa.UniqueConstraint("decision", "processor"),
    sqlite_autoincrement=True,
    info={"term": "system.obligation"},
)
