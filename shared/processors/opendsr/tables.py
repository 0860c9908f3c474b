"""What was asked of processors that speak OpenDSR, and what they announced; neither says whom it is about."""

from __future__ import annotations

import sqlalchemy as sa

from shared.database import Base, UtcDateTime

NEW = "new"
"""The status of a request that the processor may or may not have; the others are OpenDSR's own."""

opendsr_requests = sa.Table(
    "opendsr_requests",
    Base.metadata,
    # The subject_request_id: made here, the same over every attempt to send it.
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("idempotency_key", sa.String(100), nullable=False),
    # A further one when the processor cancelled and staff want it asked again.
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("decision", sa.String(36), nullable=False, index=True),
    sa.Column("processor", sa.String(60), nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("status", sa.String(12), nullable=False),
    sa.Column("seen", sa.JSON, nullable=False),  # every status the processor gave it
    sa.Column("asked_at", UtcDateTime, nullable=False, index=True),
    sa.Column("expected_at", UtcDateTime),
    # The raw signed answer that ended it, with the signature and the certificates, as the receipt shows it.
    sa.Column("evidence", sa.JSON),
    # A status that cannot follow the one it had: never applied.
    sa.Column("contradicted_by", sa.String(12)),
    sa.Column("given_up_at", UtcDateTime),
    sa.Column("closed_at", UtcDateTime),
    sa.UniqueConstraint("idempotency_key", "number"),
    info={"term": "system.opendsr-request"},
)

opendsr_announcements = sa.Table(
    "opendsr_announcements",
    Base.metadata,
    sa.Column("processor", sa.String(60), primary_key=True),
    sa.Column("discovery", sa.Text, nullable=False),
    sa.Column("certificates", sa.Text, nullable=False),
    sa.Column("fetched_at", UtcDateTime, nullable=False),
    info={"term": "system.structure"},
)
