"""What the web side keeps in a service's database: answers for repeated calls, and counted calls."""

from __future__ import annotations

import sqlalchemy as sa

from shared.database import Base, UtcDateTime

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
