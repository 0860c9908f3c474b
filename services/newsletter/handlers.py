"""What the newsletter does when something happened elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.newsletter.actions import claiming, told, unreachable
from services.newsletter.records import signup_claims
from shared.database import insert_once
from shared.events import (
    MAIL_RETURNED,
    PROGRAMME_TOLD,
    ContactFormReceived,
    Decision,
    MailReturned,
    decision_type,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.service import Handler, Tools

FORMS = ("intake", "contact-forms")
FOR_GOOD = "5."
"""What the status of a mail begins with that no attempt will ever deliver (RFC 3463 section 2)."""


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


def end_unreachable(session: Session, tools: Tools, deliveries: Sequence[Delivery]) -> None:
    """End the sign-ups whose mail came back for good; a mailbox that did not answer for days may still be emptied."""
    mails = [each.event.sent for each in deliveries if isinstance(each.event, MailReturned) and _is_over(each.event)]
    if mails:
        unreachable.end_unreachable(session, tools, mails, now=deliveries[-1].now)


def _is_over(event: MailReturned) -> bool:
    return event.status.startswith(FOR_GOOD)


HANDLERS: Mapping[str, Sequence[Handler]] = {
    "discreet.fact.contact-form-received.v1": (note_sign_ups,),
    decision_type("erasure"): (give_up_sign_ups,),
    MAIL_RETURNED: (end_unreachable,),
    PROGRAMME_TOLD: (told.act_on,),
}
