"""Who was given what: only a processor with a row here is told of a decision (an erasure is no new disclosure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from shared.database import insert
from shared.many import among_given
from shared.propagation.tables import transfers

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
    from sqlalchemy.engine import RowMapping
    from sqlalchemy.orm import Session

_HELD = (
    sa.select(transfers.c.record)
    .where(
        transfers.c.processor == sa.bindparam("its_processor"),
        among_given(transfers.c.record, "records"),
        transfers.c.ended_at.is_(None),
    )
    .distinct()
    .order_by(transfers.c.record)
)


def record(session: Session, processor: str, category: str, records: Sequence[str], *, now: datetime) -> None:
    """Note that a processor is being given these records; said before the call, since its outcome may stay unknown."""
    # One statement may meet no row twice.
    each_once = dict.fromkeys(records)
    rows = [{"processor": processor, "category": category, "record": each, "at": now} for each in each_once]
    if rows:
        insert(session, transfers, rows, _or_again)


def _or_again(inserting: SqliteInsert | PostgresqlInsert) -> sa.Insert:
    again: dict[str, Any] = {"at": sa.literal_column("excluded.at"), "ended_at": None}
    return inserting.on_conflict_do_update(index_elements=["record", "processor", "category"], set_=again)


def held_by(session: Session, processor: str, records: Collection[str]) -> list[str]:
    """Return which of these records the processor was given and has not confirmed to have erased."""
    held = session.connection().scalars(_HELD, {"its_processor": processor, "records": list(records)})
    return list(held)


def hand_on(session: Session, category: str, old: str, new: str, *, now: datetime) -> None:
    """Note that whoever holds one record holds it from now on as another, which takes its place."""
    for row in find(session, [old]):
        if row["ended_at"] is None:
            record(session, row["processor"], category, [new], now=row["at"])
            end(session, row["processor"], [old], now=now)


def find(session: Session, records: Collection[str]) -> Sequence[RowMapping]:
    """Return who was given which of these records and when, also those who confirmed to have erased them."""
    query = sa.select(transfers).where(transfers.c.record.in_(records))
    return session.execute(query.order_by(transfers.c.at, transfers.c.id)).mappings().all()


def end(session: Session, processor: str, records: Collection[str], *, now: datetime) -> None:
    """Note that the processor no longer holds these records."""
    session.execute(
        sa.update(transfers)
        .where(transfers.c.processor == processor, transfers.c.record.in_(records), transfers.c.ended_at.is_(None))
        .values(ended_at=now)
    )
