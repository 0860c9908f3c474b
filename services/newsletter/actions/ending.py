"""Ending: at once where the person asks for it, told to everybody by a decision, and for good when the term is over."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from services.newsletter import records, tokens
from services.newsletter.actions.contents import open_content
from services.newsletter.records import CATEGORY, ENDED
from shared.database import lock_subject
from shared.events import RecordRef
from shared.propagation import decisions, transfers

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.newsletter.records import Because, Subscription
    from shared.propagation.decisions import Said
    from shared.service import Tools

GROUNDS = {
    "unsubscribed": "consent-withdrawn",
    "complaint": "complaint",
    "bounce": "address-unreachable",
    "removed-at-provider": "removed-at-provider",
    "address-changed": "opted-out-under-new-address",
}
"""The ground of an unsubscribe decision, by why the subscription ended."""


def unsubscribe(session: Session, tools: Tools, token: str, *, now: datetime) -> bool:
    """End the subscription behind an unsubscribe link; return whether there was one to end.

    A sign-up that waits for its confirmation ends in the same way. Unknown and used links do nothing, so that
    nobody learns from them (RFC 8058 section 3.2 wants the same answer for all).
    """
    subscription = records.find_by_unsubscribe_digest(session, tokens.digest_of(token))
    if subscription is None:
        return False
    lock_subject(session, [subscription.ref])
    current = records.find_again(session, subscription)
    if current is None or not current.is_live:
        return False
    refs = tools.refs.emails(open_content(tools, current)["email"])
    decide(session, tools, current, "unsubscribed", refs=refs, decided_by="subject", now=now)
    return True


def decide(
    session: Session,
    tools: Tools,
    subscription: Subscription,
    because: Because,
    *,
    refs: Collection[str],
    decided_by: str,
    now: datetime,
) -> None:
    """End a subscription now, and have everybody who has something of it told, by a decision.

    What was still to be mailed about it is taken back: the person does not want it any more (P25).
    """
    unsent = tools.mail.withdraw(session, [subscription.id])
    tools.vault.destroy_after_commit(session, unsent.get(subscription.id, ()))
    said = end_by_decision(subscription, because, refs=refs, decided_by=decided_by, now=now)
    decisions.take(session, tools, "unsubscribe", now=now, **said)


def end_by_decision(
    subscription: Subscription,
    because: Because,
    *,
    refs: Collection[str],
    decided_by: str,
    now: datetime,
    reported_by: str | None = None,
) -> Said:
    """End a subscription now; return what the decision says by which everybody who has something of it is told.

    The state changes here and not when the decision comes back through our own inbox: in between nothing may
    be sent. The own store's obligation then finds it as it should be, and its receipt says so.
    """
    end(subscription, because, now)
    return {
        "decision_id": str(uuid.uuid4()),
        "refs": [subscription.ref, *refs],
        "ground": GROUNDS[because],
        "decided_by": decided_by,
        "reported_by": reported_by,
    }


def tell_again(
    session: Session, tools: Tools, subscription: Subscription, *, refs: Collection[str], processor: str, now: datetime
) -> None:
    """Decide once more that somebody who left is mailed no more: a programme has them on its list again."""
    # It has them, by whatever way: without this row it would not be addressed.
    transfers.record(session, processor, CATEGORY, [subscription.id], now=now)
    decisions.take(
        session,
        tools,
        "unsubscribe",
        decision_id=str(uuid.uuid4()),
        refs=[subscription.ref, *refs],
        ground="opted-out-and-back-at-programme",
        decided_by="policy",
        now=now,
    )


def end(subscription: Subscription, because: Because, now: datetime) -> None:
    """Note that a subscription has ended, and why; one that had ended stays as it was."""
    if subscription.is_live:
        subscription.state = ENDED
        subscription.ended_because = because
        subscription.ended_at = now
        subscription.version += 1


def decide_term_end(session: Session, tools: Tools, subscription: Subscription, *, now: datetime) -> None:
    """Decide that what is left of an ended subscription goes, here and at whoever has it (P37)."""
    subscription.term_end = str(uuid.uuid4())
    decisions.take(
        session,
        tools,
        "term-end",
        decision_id=subscription.term_end,
        refs=[subscription.ref],
        records=[RecordRef(service=tools.name, category=CATEGORY, id=subscription.id)],
        ground="newsletter.ended",
        decided_by="policy",
        now=now,
    )
