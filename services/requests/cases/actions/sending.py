"""Writing a letter of a case: sealed with the case, and mailed where that tells nobody else anything."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from services.requests.cases import letters
from services.requests.cases.records import Letter
from shared.deadlines import local_date
from shared.mail import OutgoingMail
from shared.vault import Sealed

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.requests.cases.letters import Written
    from services.requests.cases.records import RightsRequest
    from shared.service import Tools
    from shared.wording import Language

NEUTRAL = frozenset({"receipt", "doubt", "extension", "withdrawal"})
"""Letters that say nothing about what is held: they may go to an address that nobody has proved yet (P63)."""


def content_of(tools: Tools, case: RightsRequest) -> dict[str, Any]:
    """Open who asks and what they wrote. Raises KeyDestroyedError once the term of the case is over."""
    return tools.vault.open(case.id, Sealed(case.key_id or "", case.sealed or b""))


def add_content(session: Session, tools: Tools, case: RightsRequest, **more: Any) -> None:
    """Seal more with the case, under a new key; the old one goes with this transaction."""
    sealed = tools.vault.seal(case.id, content_of(tools, case) | more)
    tools.vault.destroy_after_commit(session, [case.key_id] if case.key_id else [])
    case.sealed, case.key_id = sealed.ciphertext, sealed.key_id


def send(session: Session, tools: Tools, case: RightsRequest, kind: str, *, now: datetime, **facts: Any) -> bool:
    """Write a letter and mail it if that is allowed; return whether it was mailed.

    An answer goes by mail only to an address that was proved, or where nothing was looked up at all. What is
    not mailed waits for staff to hand it over or post it, and to record that.
    """
    written = letters.write(kind, language_of(case), tools.policy, case=case, **facts)
    address = content_of(tools, case)["email"]
    mailed = bool(address) and (kind in NEUTRAL or case.email_proved or case.inquiry is None)
    keep(session, tools, case, kind, written, mailed=mailed, now=now)
    if mailed:
        tools.mail.queue(session, mail_of(case, address, written), now=now)
    return mailed


def keep(
    session: Session, tools: Tools, case: RightsRequest, kind: str, written: Written, *, mailed: bool, now: datetime
) -> None:
    """Keep what a letter said, under a key of its own that goes with the case."""
    letter_id = str(uuid.uuid4())
    sealed = tools.vault.seal(letter_id, {"subject": written.subject, "text": written.text})
    session.add(
        Letter(
            id=letter_id,
            case=case.id,
            kind=kind,
            written_at=now,
            sent_by="mail" if mailed else None,
            sent_on=local_date(now) if mailed else None,
            sealed=sealed.ciphertext,
            key_id=sealed.key_id,
        )
    )


def mail_of(case: RightsRequest, address: str, written: Written) -> OutgoingMail:
    """Return a letter as a mail; an answer to a request is a legal duty (P25)."""
    return OutgoingMail(reason="legal", about=case.id, to=address, subject=written.subject, text=written.text)


def language_of(case: RightsRequest) -> Language:
    """Return the language the person chose."""
    return "en" if case.language == "en" else "nl"
