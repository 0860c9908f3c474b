"""Receipts: written with the change they tell of, kept as sent, and said again when asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.messaging.outbox import stored_event
from shared.propagation.tables import receipts

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.events import ReceiptIssued
    from shared.service import Tools


def issue(session: Session, tools: Tools, receipt: ReceiptIssued, *, now: datetime) -> str:
    """Announce a receipt and keep its exact bytes; return the id of its event."""
    stored = tools.outbox.publish(session, receipt, now=now)
    session.execute(
        sa.insert(receipts).values(
            event_id=stored.event_id,
            decision=receipt.decision,
            processor=receipt.processor or "",
            action=receipt.action,
            outcome=receipt.outcome,
            type=stored.type,
            body=stored.body,
            signature=stored.signature,
            key_id=stored.key_id,
            issued_at=now,
        )
    )
    return stored.event_id


def say_again(session: Session, tools: Tools, decision: str, *, now: datetime) -> None:
    """Send this service's receipts for a decision once more, byte for byte."""
    rows = session.execute(
        sa.select(receipts).where(receipts.c.decision == decision).order_by(receipts.c.issued_at)
    ).mappings()
    for row in rows.all():
        tools.outbox.send(session, stored_event(row), now=now)
