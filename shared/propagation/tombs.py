"""Tombstones as others read them: what was erased is gone for good, which is not the same as never having been."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.propagation.tables import tombstones

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def was_erased(session: Session, record: str) -> bool:
    """Tell whether a record was here and was erased."""
    return session.scalar(sa.select(tombstones.c.record).where(tombstones.c.record == record)) is not None
