"""A sign-up by a contact form: what the form holds is asked from the intake, and may be gone by then."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from services.newsletter import records, rules
from services.newsletter.actions.removing import remove
from services.newsletter.actions.signing_up import SignUp, sign_up
from services.newsletter.records import PENDING, signup_claims
from shared.backoff import pause
from shared.database import insert_once, lock_subject
from shared.errors import GoneError, InvalidInputError, NotFoundError, OutsideError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.service import Tools

FIRST_NAME = 60
LONGEST_PAUSE = timedelta(minutes=10)


def claim_sign_up(tools: Tools, row: Mapping[str, Any], *, now: datetime) -> None:
    """Fetch a form outside any transaction, then sign its sender up; a form that is gone asks for nothing."""
    try:
        content = tools.claims.fetch("intake", row["form"])
    except (GoneError, NotFoundError):
        content = {}
    except OutsideError:
        _try_later(tools, row, now)
        return
    with tools.database.transaction() as session:
        if _close(session, row["form"]) and content:
            began = _sign_up(session, tools, content, tools.clock())
            ours = signup_claims.c.form == row["form"]
            session.execute(sa.update(signup_claims).where(ours).values(subscription=began))


def give_up(session: Session, tools: Tools, forms: Sequence[str], *, now: datetime) -> None:
    """Ask nothing more of forms that are being erased, and drop what began with them and nobody confirmed.

    Also of a form that we have yet to hear of: what comes late finds it done.
    """
    rows = [{"form": form, "received_at": now, "attempts": 0, "next_attempt_at": None} for form in forms]
    insert_once(session, signup_claims, rows)
    theirs = signup_claims.c.form.in_(forms)
    closing = (
        sa.update(signup_claims).where(theirs).values(next_attempt_at=None).returning(signup_claims.c.subscription)
    )
    begun = [subscription for subscription in session.scalars(closing) if subscription is not None]
    found = records.find_all(session, begun)
    lock_subject(session, [subscription.ref for subscription in found])
    for subscription in found:
        current = records.find_again(session, subscription)  # it may have been confirmed meanwhile
        if current is not None and current.state == PENDING:
            remove(session, tools, current, now=now)


def _sign_up(session: Session, tools: Tools, content: Mapping[str, Any], now: datetime) -> str | None:
    name = str(content.get("first_name") or "")[:FIRST_NAME]
    asked = SignUp(
        first_name=name if rules.may_be_named(name) else "",
        email=str(content.get("email") or ""),
        language="en" if content.get("language") == "en" else "nl",
        source="contact-form",
        privacy_version=content.get("privacy_version"),
        tick_text=content.get("newsletter_text"),
    )
    try:
        return sign_up(session, tools, asked, now=now)
    except InvalidInputError:
        return None  # the intake checked it; what it took for an address cannot be mailed


def _close(session: Session, form: str) -> bool:
    """Mark a form as dealt with; return whether it was still to be. The row stays, so that it is done once."""
    open_one = sa.and_(signup_claims.c.form == form, signup_claims.c.next_attempt_at.is_not(None))
    closed = sa.update(signup_claims).where(open_one).values(next_attempt_at=None).returning(signup_claims.c.form)
    return session.execute(closed).first() is not None


def _try_later(tools: Tools, row: Mapping[str, Any], now: datetime) -> None:
    attempts = row["attempts"] + 1
    with tools.database.transaction() as session:
        session.execute(
            sa.update(signup_claims)
            .where(signup_claims.c.form == row["form"])
            .values(attempts=attempts, next_attempt_at=now + pause(attempts, LONGEST_PAUSE))
        )
