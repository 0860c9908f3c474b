"""What the dossier does when something happened elsewhere: a contact there goes into the history of the client here."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from services.dossier.actions import clients, contacts
from shared.errors import ConflictError, GoneError, NotFoundError
from shared.events import CONTACT_FORM_ANSWERED, ContactFormAnswered
from shared.messaging.applier import one_by_one

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.service import Handler, Tools

_log = logging.getLogger(__name__)


@one_by_one
def on_answered(session: Session, tools: Tools, delivery: Delivery) -> None:
    """Note that a client's contact form was answered (P13); what was said stays where the form is.

    The contact has the id of the answer: told again, or after it was erased, it is not noted anew.
    """
    if not isinstance(event := delivery.event, ContactFormAnswered):
        return
    if contacts.is_known(session, event.answer):
        return
    try:
        client = clients.hold(session, tools, event.client)
    except (GoneError, NotFoundError, ConflictError) as error:
        fields = {"client": event.client, "because": type(error).__name__}
        _log.warning("an answer goes into nobody's contact history", extra={"fields": fields})
        return
    said = {
        "channel": "e-mail",
        "reason": "question",
        "at": event.answered_at,
        "note": f"Antwoord op contactformulier {event.reference} / Answer to contact form {event.reference}",
    }
    contacts.note(session, tools, client, said, noted_by=event.answered_by, now=delivery.now, contact_id=event.answer)


HANDLERS: Mapping[str, Sequence[Handler]] = {CONTACT_FORM_ANSWERED: (on_answered,)}
