"""Signing up: whoever types in an address learns nothing about it, and its owner gets one mail to answer."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from services.newsletter import letters, records, rules, tokens
from services.newsletter.actions.contents import open_content, seal_content
from services.newsletter.actions.removing import remove
from services.newsletter.records import PENDING, Subscription
from shared.database import lock_subject
from shared.identity import normalise_email

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.service import Tools
    from shared.wording import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUp:
    """What somebody filled in; ``privacy_version`` and ``tick_text`` are what was beside it, if the form said so."""

    first_name: str = field(repr=False)
    email: str = field(repr=False)
    language: Language
    source: str
    privacy_version: str | None = None
    tick_text: str | None = None


def sign_up(session: Session, tools: Tools, asked: SignUp, *, now: datetime) -> str | None:
    """Take a sign-up in, and mail its address a link to confirm, at most so often; return what began with it, if any.

    An address that is unknown, waits for confirmation or is subscribed gets the same: content sealed anew,
    a row written, a mail when one is allowed. So neither the answer nor its time tells which it was.
    Raises InvalidInputError for an address that cannot be one.
    """
    email = normalise_email(asked.email)
    refs = tools.refs.emails(email)
    lock_subject(session, refs)
    found = records.find_live(session, refs)
    if found is not None and found.state == PENDING and rules.has_expired(found.expires_at, now):
        remove(session, tools, found, now=now)
        found = None
    if found is None:
        subscription, content = _begin(session, tools, asked, email, now)
    else:
        subscription, content = found, open_content(tools, found)
    may_ask = rules.may_ask(subscription.mails, subscription.mailed_at, subscription.expires_at, now)
    if found is not None:
        _take_over(tools, session, found, content, asked, may_ask=may_ask)
    if may_ask:
        _ask(session, tools, subscription, content, now)
    records.count_up(session, "sign-up", now)  # last: all sign-ups of a day wait for each other here
    return subscription.id if found is None else None


def note_trap(session: Session, *, now: datetime) -> None:
    """Count a form whose trap was filled in; nothing else of it is kept."""
    records.count_up(session, "trap", now)


def _begin(
    session: Session, tools: Tools, asked: SignUp, email: str, now: datetime
) -> tuple[Subscription, dict[str, Any]]:
    content: dict[str, Any] = {
        "first_name": asked.first_name,
        "email": email,
        "confirm": tokens.new_token(),
        "unsubscribe": tokens.new_token(),
        "tick_text": asked.tick_text,
    }
    subscription = Subscription(
        id=str(uuid.uuid4()),
        ref=tools.refs.email(email),
        state=PENDING,
        version=1,
        language=asked.language,
        source=asked.source,
        privacy_version=asked.privacy_version or tools.policy.statement.isoformat(),
        created_at=now,
        asked_at=now,
        expires_at=tools.policy.term_ends("newsletter.pending", now),
        mails=0,
        confirm_digest=tokens.digest_of(content["confirm"]),
        unsubscribe_digest=tokens.digest_of(content["unsubscribe"]),
    )
    seal_content(session, tools, subscription, content)
    session.add(subscription)
    session.flush()
    return subscription, content


def _take_over(
    tools: Tools, session: Session, found: Subscription, content: dict[str, Any], asked: SignUp, *, may_ask: bool
) -> None:
    """Before a confirmation the last form counts; after it nobody changes anything without the link."""
    if found.state == PENDING:
        content |= {"first_name": asked.first_name, "tick_text": asked.tick_text}
        found.language, found.source = asked.language, asked.source
        found.privacy_version = asked.privacy_version or tools.policy.statement.isoformat()
    elif may_ask:
        content["confirm"] = tokens.new_token()
        found.confirm_digest = tokens.digest_of(content["confirm"])
    seal_content(session, tools, found, content)


def _ask(session: Session, tools: Tools, subscription: Subscription, content: dict[str, Any], now: datetime) -> None:
    if rules.has_expired(subscription.expires_at, now):
        subscription.mails = 0
    subscription.asked_at = subscription.mailed_at = now
    subscription.mails += 1
    subscription.expires_at = tools.policy.term_ends("newsletter.pending", now)
    tools.mail.queue(session, letters.confirmation(tools, subscription, content), now=now)
