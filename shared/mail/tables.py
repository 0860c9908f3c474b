"""The mails a service sends: whom and what is sealed, and goes when the mail is sent."""

from __future__ import annotations

import sqlalchemy as sa

from shared.database import Base, RowId, UtcDateTime
from shared.vault import DATA_KEY

WAITING, SENT, PARKED, WITHDRAWN, RETURNED = "waiting", "sent", "parked", "withdrawn", "returned"
"""A mail waits for its next attempt, was sent, was set aside for a person to look at, was taken back unsent or let go
of, or came back undelivered after it was sent."""

outgoing_mails = sa.Table(
    "outgoing_mails",
    Base.metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("mail", sa.String(36), nullable=False, unique=True),  # also the left part of its Message-ID
    sa.Column("reason", sa.String(20), nullable=False),
    sa.Column("about", sa.String(100), nullable=False, index=True),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("key_id", sa.String(36), info=DATA_KEY),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("perhaps_sent", sa.Boolean, nullable=False),  # handed over, and nobody heard what became of it
    sa.Column("next_attempt_at", UtcDateTime, nullable=False),
    sa.Column("problem", sa.String(100)),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("sent_at", UtcDateTime),
    info={"term": "system.mail"},
    sqlite_autoincrement=True,
)
_waiting = outgoing_mails.c.state == WAITING
sa.Index(
    "ix_outgoing_mails_waiting", outgoing_mails.c.next_attempt_at, postgresql_where=_waiting, sqlite_where=_waiting
)
