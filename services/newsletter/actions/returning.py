"""Coming back: who left and changed their mind is asked anew, by the same mail as anybody who signs up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.newsletter import records, tokens
from services.newsletter.actions.contents import open_content
from services.newsletter.actions.signing_up import SignUp, sign_up
from shared.database import lock_subject
from shared.errors import KeyDestroyedError
from shared.propagation.tombs import is_being_erased

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.service import Tools
    from shared.wording import Language


def ask_again(session: Session, tools: Tools, token: str, *, language: Language, now: datetime) -> None:
    """Sign up anew the person whose subscription behind this link has ended, as long as their address is still here.

    The old subscription stays ended, and its links stay used: only the new mail's own link confirms (P21). For a
    link that is unknown, of a subscription that lasts, or of one that is being erased, nothing happens.
    """
    found = records.find_by_unsubscribe_digest(session, tokens.digest_of(token))
    if found is None:
        return
    try:
        content = open_content(tools, found)
    except KeyDestroyedError:
        return
    lock_subject(session, sorted({found.ref, *tools.refs.emails(content["email"])}))
    current = records.find_again(session, found)
    if current is None or current.is_live or is_being_erased(session, [current.id]):
        return
    asked = SignUp(first_name=content["first_name"], email=content["email"], language=language, source="changed-mind")
    sign_up(session, tools, asked, now=now)
