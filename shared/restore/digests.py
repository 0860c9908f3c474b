"""What a service did about each decision, in a line that says nothing of anybody: it is held against the ledger."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.propagation.own_store import ERASING
from shared.propagation.tables import FINISHED, obligations, tombstones

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.engine import RowMapping
    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Done:
    """One decision that this service's own store has answered."""

    number: int
    decision: str
    gone: int
    digest: str


def page(session: Session, since: datetime, *, after: int, limit: int) -> list[Done]:
    """Return what was done about the decisions taken since then; erased is what has a tombstone now, counted anew."""
    wanted = sa.and_(
        obligations.c.id > after,
        obligations.c.processor == "",
        obligations.c.decision.is_not(None),
        obligations.c.state == FINISHED,
        obligations.c.requested_at >= since,
    )
    columns = (obligations.c.id, obligations.c.decision, obligations.c.kind, obligations.c.records)
    rows = session.execute(sa.select(*columns).where(wanted).order_by(obligations.c.id).limit(limit)).mappings().all()
    buried = _buried(session, rows)
    return [_done(row, buried) for row in rows]


def digest_of(records: Collection[str]) -> str:
    """Return the digest over the ids of records that are gone, in whatever order they come."""
    return hashlib.sha256("\n".join(sorted(records)).encode()).hexdigest()


def _done(row: RowMapping, buried: set[str]) -> Done:
    gone = [each for each in _named(row["records"]) if each in buried] if row["kind"] in ERASING else []
    return Done(row["id"], row["decision"], len(gone), digest_of(gone))


def _buried(session: Session, rows: Sequence[RowMapping]) -> set[str]:
    named = [each for row in rows if row["kind"] in ERASING for each in _named(row["records"])]
    if not named:
        return set()
    return set(session.scalars(sa.select(tombstones.c.record).where(tombstones.c.record.in_(named))))


def _named(records: dict[str, list[str]]) -> Iterable[str]:
    return (each for identifiers in records.values() for each in identifiers)
