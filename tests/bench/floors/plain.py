"""What somebody would write who only wants a message in a table: one Core INSERT and one commit for each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()
events = sa.Table(
    "plain_events",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    sa.Column("event_id", sa.String(64), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
)


def open_engine(url: str, **options: Any) -> sa.Engine:
    """Return an engine on the driver and, for SQLite, the durability that we have; nothing else of ours."""
    if not url.startswith("sqlite"):
        return sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), **options)
    from pysqlite3 import dbapi2  # noqa: PLC0415 - the driver of one of the two

    engine = sa.create_engine(url, module=dbapi2, **options)

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def keep(engine: sa.Engine, event_id: str, body: str) -> None:
    """Store one message in one commit."""
    with engine.begin() as connection:
        connection.execute(sa.insert(events).values(event_id=event_id, body=body, received_at=datetime.now(UTC)))
