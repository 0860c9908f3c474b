"""Tombstones as others read them: what was erased is gone for good, which is not the same as never having been."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.propagation.own_store import ERASING
from shared.propagation.tables import FINISHED, SUPERSEDED, obligations, tombstones

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session


def was_erased(session: Session, record: str) -> bool:
    """Tell whether a record was here and was erased."""
    return session.scalar(sa.select(tombstones.c.record).where(tombstones.c.record == record)) is not None


def is_being_erased(session: Session, records: Collection[str]) -> bool:
    """Tell whether the erasure of one of these reached this service and its own store is not through with it.

    What is added to such a record now, or handed to somebody, the decision would not know of.
    """
    open_ones = sa.and_(
        obligations.c.processor == "",
        obligations.c.kind.in_(ERASING),
        obligations.c.state.not_in([FINISHED, SUPERSEDED]),
    )
    named = {
        record
        for by_category in session.scalars(sa.select(obligations.c.records).where(open_ones))
        for identifiers in by_category.values()
        for record in identifiers
    }
    return not named.isdisjoint(records)
