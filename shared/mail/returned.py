"""Mails that came back: marked by the service that sent them, so that staff see what nobody read."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.events import MailReturned
from shared.mail.tables import RETURNED, SENT, outgoing_mails

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.service import Tools

_log = logging.getLogger(__name__)


def on_returned(session: Session, tools: Tools, deliveries: Sequence[Delivery]) -> None:
    """Mark a mail of ours that came back with its status; heard again, or of another service, it changes nothing."""
    for delivery in deliveries:
        if not isinstance(event := delivery.event, MailReturned):
            continue
        ours = sa.and_(outgoing_mails.c.mail == event.sent, outgoing_mails.c.state == SENT)
        marked = sa.update(outgoing_mails).where(ours).values(state=RETURNED, problem=_problem(event.status))
        if session.execute(marked.returning(outgoing_mails.c.id)).first() is not None:
            fields = {"service": tools.name, "mail": event.sent, "status": event.status}
            _log.warning("a mail came back undelivered", extra={"fields": fields})


def _problem(status: str) -> str:
    return f"It was sent, and came back undelivered: {status[:11]}."
