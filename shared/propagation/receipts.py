"""Receipts: written with the change they tell of, kept as sent, and said again when asked again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.database import insert_all
from shared.failpoints import reach
from shared.messaging.outbox import stored_event
from shared.propagation.tables import receipts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.events import ReceiptIssued
    from shared.service import Tools


def issue(session: Session, tools: Tools, receipt: ReceiptIssued, *, now: datetime) -> str:
    """Announce a receipt and keep its exact bytes; return the id of its event."""
    return issue_all(session, tools, [receipt], now=now)[0]


def issue_all(
    session: Session,
    tools: Tools,
    issued: Sequence[ReceiptIssued],
    *,
    now: datetime,
    traces: Sequence[str | None] | None = None,
) -> list[str]:
    """Announce receipts together and keep their exact bytes; return the ids of their events in the same order."""
    events = tools.outbox.publish_all(session, issued, now=now, traces=traces)
    rows = [
        {
            "event_id": stored.event_id,
            "decision": receipt.decision,
            "processor": receipt.processor or "",
            "action": receipt.action,
            "outcome": receipt.outcome,
            "type": stored.type,
            "body": stored.body,
            "signature": stored.signature,
            "key_id": stored.key_id,
            "issued_at": now,
        }
        for receipt, stored in zip(issued, events, strict=True)
    ]
    insert_all(session, receipts, rows)
    reach("receipt.issued")
    return [stored.event_id for stored in events]


def say_again(session: Session, tools: Tools, decision: str, *, now: datetime) -> None:
    """Send this service's receipts for a decision once more, byte for byte."""
    rows = session.execute(
        sa.select(receipts).where(receipts.c.decision == decision).order_by(receipts.c.issued_at)
    ).mappings()
    tools.outbox.send(session, [stored_event(row) for row in rows], now=now)
