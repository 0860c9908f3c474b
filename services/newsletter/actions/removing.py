"""Removing a subscription that no outside party needs to hear of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.newsletter.records import CATEGORY
from shared.propagation import transfers

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.newsletter.records import Subscription
    from shared.service import Tools


def replace(
    session: Session, tools: Tools, earlier: Subscription, subscription: Subscription, *, now: datetime
) -> None:
    """Remove an ended subscription whose person is subscribed anew.

    Whoever was given the earlier one has the person still, and is told from now on of what becomes of the new one.
    """
    transfers.hand_on(session, CATEGORY, earlier.id, subscription.id, now=now)
    remove(session, tools, earlier, now=now)


def remove(session: Session, tools: Tools, subscription: Subscription, *, now: datetime) -> None:
    """Delete the row, its key and its unsent mail, without a decision.

    For a sign-up that nobody confirmed, of which no processor has anything; and for a subscription all of which
    is held under another one.
    """
    mails = tools.mail.withdraw(session, [subscription.id])
    if subscription.processor:
        transfers.end(session, subscription.processor, [subscription.id], now=now)
    session.delete(subscription)
    session.flush()
    tools.vault.destroy_after_commit(session, [subscription.key_id, *mails.get(subscription.id, ())])
