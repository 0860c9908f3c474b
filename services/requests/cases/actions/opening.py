"""Opening a request, and the one receipt mail that an address gets in a while, however often it is typed."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from services.requests.cases import letters
from services.requests.cases.actions.sending import content_of, keep, language_of, mail_of
from services.requests.cases.records import RightsRequest, last_receipt_at, without_receipt
from services.requests.cases.rules import Days, answer_due, target_day
from shared.database import lock_subject
from shared.errors import KeyDestroyedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from shared.service import Tools

RECEIPT_PAUSE = timedelta(hours=1)
"""Anybody can type anybody's address: more than one mail an hour would make this form a way to pester people."""
_log = logging.getLogger(__name__)


def open_case(
    session: Session,
    tools: Tools,
    asked: Mapping[str, Any],
    *,
    case_id: str,
    reference: str,
    channel: str,
    language: str,
    received_on: date,
    entered_by: str | None,
    now: datetime,
) -> RightsRequest:
    """Store a request; the day it was received starts the clock, not the day it was entered (P64).

    Every ask is a case of its own. It is never joined to an earlier one of the same address: whoever typed
    somebody else's address first could otherwise stand in the way of the real person.
    """
    email, phone = asked.get("email"), asked.get("phone")
    email_ref = tools.refs.email(email) if email else None
    phone_ref = tools.refs.phone(phone) if phone else None
    lock_subject(session, [ref for ref in (email_ref, phone_ref) if ref])
    content = {name: asked.get(name) for name in ("name", "email", "phone", "message", "address")}
    sealed = tools.vault.seal(case_id, content)
    days = Days(received_on)
    case = RightsRequest(
        id=case_id,
        reference=reference,
        kind=asked["kind"],
        channel=channel,
        language=language,
        entered_at=now,
        entered_by=entered_by,
        received_on=received_on,
        due_on=answer_due(days, tools.policy.clocks),
        target_on=target_day(days, tools.policy.clocks),
        state="received",
        email_ref=email_ref,
        phone_ref=phone_ref,
        sealed=sealed.ciphertext,
        key_id=sealed.key_id,
        paused_days=0,
        version=1,
        refs=[],
    )
    session.add(case)
    session.flush()
    if email_ref:
        send_receipt(session, tools, email_ref, now=now)
    return case


def send_receipt(session: Session, tools: Tools, email_ref: str, *, now: datetime) -> None:
    """Mail one receipt for every request of an address that has none yet, unless one went out within the hour.

    What is held back is mailed by the job, so nobody loses a receipt (P60). The mail repeats nothing of what
    was typed: a stranger could have typed it. A request that is newer than a backup of keys that was put back cannot
    be read: it waits for its key, and holds up no other.
    """
    last = last_receipt_at(session, email_ref)
    if last is not None and last > now - RECEIPT_PAUSE:
        return
    waiting = without_receipt(session, email_ref)
    readable = [(case, address) for case in waiting if (address := _address_of(tools, case)) is not None]
    if unread := len(waiting) - len(readable):
        _log.warning("requests that cannot be read wait for a receipt", extra={"fields": {"requests": unread}})
    if not readable:
        return
    cases, (latest, address) = [case for case, _ in readable], readable[-1]
    written = letters.write("receipt", language_of(latest), tools.policy, cases=cases)
    tools.mail.queue(session, mail_of(latest, address, written), now=now)
    for case in cases:
        case.receipt_at = now
        own = letters.write("receipt", language_of(case), tools.policy, cases=[case])
        keep(session, tools, case, "receipt", own, mailed=True, now=now)


def _address_of(tools: Tools, case: RightsRequest) -> str | None:
    """Return the address that was typed; None where nobody can read it any more."""
    try:
        return str(content_of(tools, case)["email"])
    except KeyDestroyedError:
        return None


def addresses_without_receipt(session: Session) -> list[str]:
    """Return the references of the addresses that still wait for a receipt."""
    query = sa.select(RightsRequest.email_ref).where(
        RightsRequest.receipt_at.is_(None), RightsRequest.email_ref.is_not(None), RightsRequest.sealed.is_not(None)
    )
    return [ref for ref in session.scalars(query.distinct()) if ref]
