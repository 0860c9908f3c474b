"""What the ledger hears: every decision and every receipt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.requests.ledger.actions import record_receipt, register
from shared.events import DECISION_KINDS, RECEIPT, Decision, ReceiptIssued, decision_type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.service import Handler, Tools


def on_decision(session: Session, tools: Tools, delivery: Delivery) -> None:
    """Register a decision."""
    if isinstance(delivery.event, Decision):
        register(session, tools, delivery, delivery.event)


def on_receipt(session: Session, tools: Tools, delivery: Delivery) -> None:
    """Record a receipt."""
    if isinstance(delivery.event, ReceiptIssued):
        record_receipt(session, tools, delivery, delivery.event)


HANDLERS: Mapping[str, Sequence[Handler]] = {
    **{decision_type(kind): (on_decision,) for kind in DECISION_KINDS},
    RECEIPT: (on_receipt,),
}
