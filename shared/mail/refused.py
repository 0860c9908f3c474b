"""Mails that nobody got: refused by a server for good, not taken for three days, or sent and come back undelivered.

Staff see them and decide. What a mail said goes when it is sent: one that came back cannot be sent again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from shared.database import wake_after
from shared.errors import ConflictError, NotFoundError
from shared.mail.tables import PARKED, RETURNED, WAITING, WITHDRAWN, outgoing_mails
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import RowMapping
    from sqlalchemy.orm import Session

    from shared.service import Tools

SHOWN = (
    *(outgoing_mails.c[name] for name in ("mail", "reason", "about", "problem", "attempts", "created_at")),
    (outgoing_mails.c.state == PARKED).label("sendable"),
)
SENT_ONCE = Both(
    "Deze mail was al verzonden; wat erin stond wordt daarna niet bewaard. Schrijf een nieuwe, of laat hem gaan.",
    "This mail was sent; what it said is not kept after that. Write another, or let it go.",
)


def find_page(session: Session, after: tuple[datetime, str] | None, limit: int) -> Sequence[RowMapping]:
    """Return mails that nobody got, the latest first, from a position on; whom they are for is not in it."""
    query = sa.select(*SHOWN).where(outgoing_mails.c.state.in_([PARKED, RETURNED]))
    if after is not None:
        place = sa.tuple_(outgoing_mails.c.created_at, outgoing_mails.c.mail)
        query = query.where(place < sa.tuple_(*after, types=[outgoing_mails.c.created_at.type, sa.String()]))
    query = query.order_by(outgoing_mails.c.created_at.desc(), outgoing_mails.c.mail.desc())
    return session.execute(query.limit(limit)).mappings().all()


def try_again(session: Session, mail: str, now: datetime) -> None:
    """Have one sent again, as if for the first time, say after a mailbox was emptied.

    Raises NotFoundError, and ConflictError for one that was sent and came back.
    """
    if session.scalar(sa.select(outgoing_mails.c.state).where(outgoing_mails.c.mail == mail)) == RETURNED:
        raise ConflictError(SENT_ONCE)
    _change(session, mail, [PARKED], state=WAITING, attempts=0, next_attempt_at=now, problem=None)
    wake_after(session, "mail")


def let_go(session: Session, tools: Tools, mail: str) -> None:
    """Take one back for good: somebody saw to it in another way. Raises NotFoundError."""
    key_id = session.scalar(sa.select(outgoing_mails.c.key_id).where(outgoing_mails.c.mail == mail))
    _change(session, mail, [PARKED, RETURNED], state=WITHDRAWN, sealed=None, key_id=None)
    tools.vault.destroy_after_commit(session, [key_id] if key_id else [])


def _change(session: Session, mail: str, states: Sequence[str], **values: Any) -> None:
    these = sa.and_(outgoing_mails.c.mail == mail, outgoing_mails.c.state.in_(states))
    if session.execute(sa.update(outgoing_mails).where(these).values(**values).returning(outgoing_mails.c.id)).first():
        return
    raise NotFoundError("No such mail was set aside.")
