"""Sign-ups whose address does not work: nobody will ever read what asks them to confirm."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.newsletter import records
from services.newsletter.actions.removing import remove
from shared.database import lock_subject
from shared.mail import outgoing_mails
from shared.mail.tables import SENT
from shared.many import among

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.service import Tools


def end_unreachable(session: Session, tools: Tools, mails: Collection[str], *, now: datetime) -> None:
    """Remove the sign-ups that wait for an answer to one of these mails, which came back for good.

    As when its week is over, nobody outside has anything of one. One that was mailed again since is waited for.
    """
    their = sa.and_(among(outgoing_mails.c.mail, mails), outgoing_mails.c.state == SENT)
    asked = set(session.scalars(sa.select(outgoing_mails.c.about).where(their)))
    last = sa.select(sa.func.max(outgoing_mails.c.id)).where(among(outgoing_mails.c.about, asked))
    unread = sa.and_(outgoing_mails.c.id.in_(last.group_by(outgoing_mails.c.about)), their)
    found = records.find_all(session, session.scalars(sa.select(outgoing_mails.c.about).where(unread)).all())
    lock_subject(session, [subscription.ref for subscription in found])
    for subscription in found:
        current = records.find_again(session, subscription)  # it may have been confirmed meanwhile
        if current is not None and current.state == records.PENDING:
            remove(session, tools, current, now=now)
            records.count_up(session, "unreachable", now)
