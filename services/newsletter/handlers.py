"""What the newsletter does when something happened elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.newsletter.records import signup_claims
from shared.database import insert_once
from shared.events import ContactFormReceived

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.service import Handler, Tools


def note_sign_ups(session: Session, _tools: Tools, deliveries: Sequence[Delivery]) -> None:
    """Note that the sender of a contact form also wants the newsletter.

    The address is asked from the intake later, by a job: a call to another service has no place in a
    transaction.
    """
    rows = [
        {"form": delivery.event.form, "received_at": delivery.now, "attempts": 0, "next_attempt_at": delivery.now}
        for delivery in deliveries
        if isinstance(delivery.event, ContactFormReceived) and delivery.event.newsletter
    ]
    insert_once(session, signup_claims, rows)


HANDLERS: Mapping[str, Sequence[Handler]] = {"discreet.fact.contact-form-received.v1": (note_sign_ups,)}
