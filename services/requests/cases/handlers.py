"""What requests react to: receipts of their own inquiries, and decisions to which everybody has answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.requests.cases.actions.closing import note_closed, note_found
from services.requests.cases.records import taken_for_cases
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
    """Keep what an inquiry found; other answers find nothing."""
    if isinstance(delivery.event, ReceiptIssued) and delivery.event.found:
        note_found(session, delivery.event)


def on_closed(session: Session, tools: Tools, deliveries: Sequence[Delivery]) -> None:
    """Go on with the requests that these decisions were taken for; most decisions are of no request."""
    told = {each.event.decision: each for each in deliveries if isinstance(each.event, DecisionClosed)}
    of_requests = taken_for_cases(session, told)
    for decision, delivery in told.items():
        if decision in of_requests:
            with delivery.traced():
                note_closed(session, tools, decision, now=delivery.now)


HANDLERS: Mapping[str, Sequence[Handler]] = {RECEIPT: (on_receipt,), CLOSED: (on_closed,)}
