"""Letting go of what nobody waits for any more: two people closed an answer that a processor does not give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.events import AnswerClosed
from shared.messaging.applier import one_by_one
from shared.processors import by_hand, feed
from shared.propagation.rechecks import UNDER_WAY
from shared.propagation.tables import SUPERSEDED, obligations

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.service import Tools


@one_by_one
def on_answer_closed(session: Session, tools: Tools, delivery: Delivery) -> None:
    """Withdraw the obligation: nobody is asked or reminded again, and what said whom it is about is destroyed.

    The transfer stays on record, since nobody said that the processor has the data no longer. A call that is under
    way meanwhile may still bring an answer, which is then told to the ledger.
    """
    closed = delivery.event
    if not isinstance(closed, AnswerClosed) or closed.service != tools.name:
        return
    waiting = sa.and_(
        obligations.c.decision == closed.decision,
        obligations.c.processor == closed.processor,
        obligations.c.action == closed.action,
        obligations.c.state.in_(UNDER_WAY),
    )
    row = session.execute(sa.select(obligations).where(waiting).with_for_update()).mappings().first()
    if row is None:
        return
    session.execute(
        sa.update(obligations)
        .where(obligations.c.id == row["id"])
        .values(state=SUPERSEDED, finished_at=delivery.now, sealed=None, key_id=None)
    )
    tools.vault.destroy_after_commit(session, [row["key_id"]] if row["key_id"] else [])
    by_hand.withdraw(session, tools, closed.decision, closed.processor, now=delivery.now)
    feed.close(session, closed.decision, closed.processor, now=delivery.now)
