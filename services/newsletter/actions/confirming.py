"""Confirming: the second yes of the double opt-in, by the button behind the link in the mail (P21)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.newsletter import consent, programmes, records, rules, tokens
from services.newsletter.actions.contents import open_content, seal_content, subject_of
from services.newsletter.actions.removing import replace
from services.newsletter.records import CATEGORY, CONFIRMED, ENDED
from shared.database import lock_subject
from shared.errors import GoneError, NotFoundError
from shared.propagation import giving
from shared.propagation.giving import Gift
from shared.propagation.tombs import is_being_erased
from shared.wording import Both

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.newsletter.records import Subscription
    from shared.service import Tools
    from shared.wording import Language

UNKNOWN = Both(
    "Deze link kennen we niet, of niet meer. Meld je opnieuw aan; dan sturen we je een nieuwe link.",
    "We do not know this link, or no longer. Sign up again and we will send you a new one.",
)
EXPIRED = Both(
    "Deze link is verlopen. Meld je opnieuw aan; dan sturen we je een nieuwe.",
    "This link has expired. Sign up again and we will send you a new one.",
)
ENDED_MEANWHILE = Both(
    "Deze inschrijving is beëindigd. Wil je de nieuwsbrief weer ontvangen, meld je dan opnieuw aan.",
    "This subscription has ended. If you want the newsletter again, sign up anew.",
)


def confirm(session: Session, tools: Tools, token: str, *, language: Language, now: datetime) -> None:
    """Confirm the subscription behind a link, and owe it to the e-mail programme; a second time changes nothing.

    Raises NotFoundError, GoneError.
    """
    subscription = find_confirmable(session, token, now)
    lock_subject(session, [subscription.ref])
    current = records.find_again(session, subscription)  # an erasure or another click may have been first
    if current is None or is_being_erased(session, [current.id]):
        # What was given now would be given after the erasure's own turn at the programme, and stay there.
        raise NotFoundError(UNKNOWN)
    subscription = current
    check_confirmable(subscription, now)
    if rules.is_answered(subscription.asked_at, subscription.confirmed_at):
        return
    content = open_content(tools, subscription)
    if content.pop("imported", None):  # a yes of before, elsewhere, gives way to this one
        seal_content(session, tools, subscription, content)
    subscription.state = CONFIRMED
    subscription.version += 1
    subscription.confirmed_at = now
    subscription.consent_digest = consent.digest_of(consent.TEXTS[language])
    refs = tools.refs.emails(content["email"])
    for earlier in records.find_of(session, refs):
        if earlier.state == ENDED:
            replace(session, tools, earlier, subscription, now=now)
    _give(session, tools, subscription, content, now)


def find_confirmable(session: Session, token: str, now: datetime) -> Subscription:
    """Return the subscription that a link can confirm, or has confirmed. Raises NotFoundError, GoneError."""
    subscription = records.find_by_confirm_digest(session, tokens.digest_of(token))
    if subscription is None:
        raise NotFoundError(UNKNOWN)
    check_confirmable(subscription, now)
    return subscription


def check_confirmable(subscription: Subscription, now: datetime) -> None:
    """Raise GoneError when the link can no longer confirm anything."""
    if subscription.state == ENDED:
        raise GoneError(ENDED_MEANWHILE)
    answered = rules.is_answered(subscription.asked_at, subscription.confirmed_at)
    if not answered and rules.has_expired(subscription.expires_at, now):
        raise GoneError(EXPIRED)


def _give(session: Session, tools: Tools, subscription: Subscription, content: dict[str, str], now: datetime) -> None:
    programme = programmes.active(tools.register)
    if programme is None:
        return
    subscription.processor = programme.id
    gift = Gift(record=subscription.id, subject=subject_of(content), ref=subscription.ref)
    giving.give(session, tools, programme.id, "subscribe", category=CATEGORY, gifts=[gift], now=now)
