"""Telling what a programme reports of our own act from news: some repeat everything, whoever did it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.many import among
from shared.propagation.giving import person_key
from shared.propagation.rechecks import UNDER_WAY
from shared.propagation.tables import OF_PERSONS, obligations

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.newsletter.processors.interface import ProviderEvent

STOPPING = ("unsubscribe", "withdrawal", "objection", "restriction", "erasure", "term-end")
APART = timedelta(minutes=5)
"""How far their clock and ours may differ, and an act of ours and the end of its obligation."""


def is_echo(session: Session, processor: str, refs: Iterable[str], event: ProviderEvent, now: datetime) -> bool:
    """Tell whether an opt-out is one that we are telling this programme, or told it at that time.

    Without this, a no from before a new yes that only now could be told would come back as a no to the new yes.
    What the person did there themselves is never taken for an echo.
    """
    if event.by_person is not False:
        return False
    at = event.occurred_at or now
    ours = sa.and_(
        obligations.c.processor == processor,
        among(obligations.c.subject, [person_key(ref) for ref in refs]),
        OF_PERSONS,
        obligations.c.kind.in_(STOPPING),
        sa.or_(
            obligations.c.state.in_(UNDER_WAY),
            obligations.c.finished_at.between(at - APART, at + APART),
        ),
    )
    return session.scalar(sa.select(obligations.c.id).where(ours).limit(1)) is not None
