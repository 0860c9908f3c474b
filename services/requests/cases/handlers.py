"""What requests react to: receipts of their own inquiries, and decisions to which everybody has answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.requests.cases.actions.closing import note_closed, note_found
from shared.events import RECEIPT, DecisionClosed, ReceiptIssued
from shared.messaging.applier import one_by_one
from shared.propagation.composition import CLOSED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.service import Handler, Tools


@one_by_one
def on_receipt(session: Session, _tools: Tools, delivery: Delivery) -> None:
    """Keep what an inquiry found."""
    if isinstance(delivery.event, ReceiptIssued):
        note_found(session, delivery.event)


@one_by_one
def on_closed(session: Session, tools: Tools, delivery: Delivery) -> None:
    """Go on with the request."""
    if isinstance(delivery.event, DecisionClosed):
        note_closed(session, tools, delivery.event.decision, now=delivery.now)


HANDLERS: Mapping[str, Sequence[Handler]] = {RECEIPT: (on_receipt,), CLOSED: (on_closed,)}
