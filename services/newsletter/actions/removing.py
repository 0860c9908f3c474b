"""Removing a subscription that no outside party needs to hear of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.propagation import transfers

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.newsletter.records import Subscription
    from shared.service import Tools


def remove(session: Session, tools: Tools, subscription: Subscription, *, now: datetime) -> None:
    """Delete the row, its key and its unsent mail, without a decision.

    For a sign-up that nobody confirmed, of which no processor has anything; and for an ended subscription
    when the same person is subscribed anew, because all it holds is then held under the new one.
    """
    mails = tools.mail.withdraw(session, [subscription.id])
    if subscription.processor:
        transfers.end(session, subscription.processor, [subscription.id], now=now)
    session.delete(subscription)
    session.flush()
    tools.vault.destroy_after_commit(session, [subscription.key_id, *mails.get(subscription.id, ())])
