"""What the newsletter does when something happened elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.newsletter.actions import claiming
from services.newsletter.records import signup_claims
from shared.database import insert_once
from shared.events import ContactFormReceived, Decision, decision_type

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.service import Handler, Tools

FORMS = ("intake", "contact-forms")


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


def give_up_sign_ups(session: Session, tools: Tools, deliveries: Sequence[Delivery]) -> None:
    """Let what a contact form asked for go with the form: who wants it erased does not want to be mailed about it."""
    for delivery in deliveries:
        if isinstance(delivery.event, Decision):
            forms = [each.id for each in delivery.event.records if (each.service, each.category) == FORMS]
            if forms:
                claiming.give_up(session, tools, forms, now=delivery.now)


HANDLERS: Mapping[str, Sequence[Handler]] = {
    "discreet.fact.contact-form-received.v1": (note_sign_ups,),
    decision_type("erasure"): (give_up_sign_ups,),
}
