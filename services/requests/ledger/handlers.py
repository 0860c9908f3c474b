"""What the ledger hears: every decision, every receipt, and that an answer was closed without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.requests.ledger.actions.keeping import record_words, register
from shared.events import (
    ANSWER_CLOSED,
    DECISION_KINDS,
    RECEIPT,
    AnswerClosed,
    Decision,
    ReceiptIssued,
    decision_type,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.service import Handler, Tools


def on_decision(session: Session, tools: Tools, deliveries: Sequence[Delivery]) -> None:
    """Register decisions."""
    register(session, tools, [(each, each.event) for each in deliveries if isinstance(each.event, Decision)])


def on_word(session: Session, tools: Tools, deliveries: Sequence[Delivery]) -> None:
    """Record receipts, or that two people closed answers."""
    words = [(each, each.event) for each in deliveries if isinstance(each.event, ReceiptIssued | AnswerClosed)]
    record_words(session, tools, words)


HANDLERS: Mapping[str, Sequence[Handler]] = {
    **{decision_type(kind): (on_decision,) for kind in DECISION_KINDS},
    RECEIPT: (on_word,),
    ANSWER_CLOSED: (on_word,),
}
