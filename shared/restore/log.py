"""The log of decisions: what a service gives another whose data was put back from a backup.

Exact bytes with their signatures, so that whoever takes them in checks them like any event: every decision that
reached this service, every answer that two people closed, and the receipts that came here from the asker itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.events import ANSWER_CLOSED, RECEIPT
from shared.messaging.inbox import UNREADABLE
from shared.messaging.tables import inbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.engine import RowMapping
    from sqlalchemy.orm import Session

DECISIONS = inbox.c.type.like("discreet.decision.%")


def page(session: Session, asker: str, since: datetime, *, after: int, limit: int) -> Sequence[RowMapping]:
    """Return what came since then, in the order in which it was received first."""
    its_own = sa.and_(inbox.c.type == RECEIPT, inbox.c.source == f"/services/{asker}")
    wanted = sa.and_(
        inbox.c.id > after,
        inbox.c.received_at >= since,
        inbox.c.source != UNREADABLE,
        sa.or_(DECISIONS, inbox.c.type == ANSWER_CLOSED, its_own),
    )
    return session.execute(sa.select(inbox).where(wanted).order_by(inbox.c.id).limit(limit)).mappings().all()
