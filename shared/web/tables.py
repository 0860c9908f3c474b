"""What the web side keeps in a service's database: answers for repeated calls, counted calls, and refused forms."""

from __future__ import annotations

import sqlalchemy as sa

from shared.database import Base, RowId, UtcDateTime

idempotent_answers = sa.Table(
    "idempotent_answers",
    Base.metadata,
    sa.Column("key_digest", sa.String(64), primary_key=True),
    sa.Column("request_digest", sa.String(64), nullable=False),
    sa.Column("answer", sa.JSON, comment="by contract only references"),
    sa.Column("created_at", UtcDateTime, nullable=False, index=True),
    info={"term": "system.idempotent-answer"},
)

rate_counters = sa.Table(
    "rate_counters",
    Base.metadata,
    sa.Column("key", sa.String(64), primary_key=True, comment="a digest that is another one in each window"),
    sa.Column("hits", sa.Integer, nullable=False),
    sa.Column("ends_at", UtcDateTime, nullable=False, index=True),
    info={"term": "system.rate-counter"},
)

form_attempts = sa.Table(
    "form_attempts",
    Base.metadata,
    sa.Column("number", RowId, primary_key=True, autoincrement=True),
    sa.Column("tried_at", UtcDateTime, nullable=False, index=True),
    sa.Column("form", sa.String(40), nullable=False),
    sa.Column("site", sa.String(40)),
    sa.Column("problem", sa.String(40), nullable=False),
    sa.Column("names", sa.String(500), nullable=False, comment="of fields, never what is in them"),
    sqlite_autoincrement=True,
    info={"term": "system.form-attempt"},
)
