"""What a service keeps of decisions: those it issued, what follows for it, who was given what, and what is gone."""

from __future__ import annotations

import sqlalchemy as sa

from shared.database import Base, RowId, UtcDateTime
from shared.vault import DATA_KEY

OPEN, CLAIMED, ASKED, FINISHED, PARKED, SUPERSEDED = "open", "claimed", "asked", "finished", "parked", "superseded"
"""An obligation is open, claimed by a worker, asked at a processor that answers later, finished, parked for a
person to look at, or superseded: by a decision before anything was given, or because two people closed its answer."""

issued_decisions = sa.Table(
    "issued_decisions",
    Base.metadata,
    sa.Column("decision", sa.String(36), primary_key=True),
    sa.Column("event_id", sa.String(64), nullable=False),
    sa.Column("type", sa.String(100), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("signature", sa.String(100), nullable=False),
    sa.Column("key_id", sa.String(40), nullable=False),
    sa.Column("issued_at", UtcDateTime, nullable=False),
    sa.Column("sends", sa.Integer, nullable=False),
    sa.Column("next_send_at", UtcDateTime),
    sa.Column("registered_at", UtcDateTime),
    sa.Column("closed_at", UtcDateTime),
    info={"term": "system.outbox"},
)

obligations = sa.Table(
    "obligations",
    Base.metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    # No decision: a transfer the service itself owes, such as a confirmed subscription to its provider.
    sa.Column("decision", sa.String(36)),
    sa.Column("decision_sha256", sa.String(64)),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("processor", sa.String(60), nullable=False, server_default=""),
    sa.Column("action", sa.String(20), nullable=False),
    # One processor gets one thing at a time about one subject, in this order.
    sa.Column("subject", sa.String(40), nullable=False, server_default=""),
    sa.Column("records", sa.JSON, nullable=False),  # {category: [record id, ...]}
    sa.Column("refs", sa.JSON, nullable=False),
    sa.Column("requested_at", UtcDateTime, nullable=False),
    sa.Column("due_at", UtcDateTime),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("stage", sa.String(20)),
    sa.Column("progress", sa.JSON, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", UtcDateTime, nullable=False),
    sa.Column("claimed_until", UtcDateTime),
    sa.Column("problem", sa.String(200)),
    sa.Column("sealed", sa.LargeBinary),
    sa.Column("key_id", sa.String(32), info=DATA_KEY),
    sa.Column("receipt_event_id", sa.String(64)),
    sa.Column("finished_at", UtcDateTime),
    sa.UniqueConstraint("decision", "processor", "action"),
    sqlite_autoincrement=True,
    info={"term": "system.obligation"},
)
UNTRIED_OWN = sa.text("processor = '' AND state = 'open' AND attempts = 0 AND problem IS NULL")
"""An own store's obligation that nobody has tried: many of these are carried out together."""
UNFINISHED = sa.text(
    "(processor <> '' OR attempts > 0 OR problem IS NOT NULL) AND state IN ('open', 'claimed', 'asked')"
)
"""What else is not at its end, and goes one by one."""
OF_PERSONS = sa.text("subject <> ''")
"""What is about somebody: it is found by them, under way or finished."""
IN_ORDER = sa.text("subject <> '' AND state IN ('open', 'claimed')")
"""What has to be through before a processor gets the next thing about the same subject."""
# Questions repeat these words, so that either database sees that an index answers them, however much is finished.
sa.Index("ix_obligations_untried_own", obligations.c.id, postgresql_where=UNTRIED_OWN, sqlite_where=UNTRIED_OWN)
sa.Index("ix_obligations_unfinished", obligations.c.id, postgresql_where=UNFINISHED, sqlite_where=UNFINISHED)
sa.Index(
    "ix_obligations_of_persons",
    obligations.c.processor,
    obligations.c.subject,
    obligations.c.id,
    postgresql_where=OF_PERSONS,
    sqlite_where=OF_PERSONS,
)

receipts = sa.Table(
    "receipts",
    Base.metadata,
    sa.Column("event_id", sa.String(64), primary_key=True),
    sa.Column("decision", sa.String(36), nullable=False, index=True),
    sa.Column("processor", sa.String(60), nullable=False, server_default=""),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("outcome", sa.String(20), nullable=False),
    sa.Column("type", sa.String(100), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("signature", sa.String(100), nullable=False),
    sa.Column("key_id", sa.String(40), nullable=False),
    sa.Column("issued_at", UtcDateTime, nullable=False),
    info={"term": "system.receipt"},
)

transfers = sa.Table(
    "transfers",
    Base.metadata,
    sa.Column("id", RowId, primary_key=True, autoincrement=True),
    sa.Column("processor", sa.String(60), nullable=False),
    sa.Column("category", sa.String(60), nullable=False),
    sa.Column("record", sa.String(36), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime),
    sa.UniqueConstraint("record", "processor", "category"),
    sqlite_autoincrement=True,
    info={"term": "system.transfer"},
)

tombstones = sa.Table(
    "tombstones",
    Base.metadata,
    sa.Column("record", sa.String(36), primary_key=True),
    sa.Column("category", sa.String(60), nullable=False),
    sa.Column("decision", sa.String(36), nullable=False),
    sa.Column("ref", sa.String(100), index=True),
    sa.Column("erased_at", UtcDateTime, nullable=False),
    info={"term": "system.tombstone"},
)
