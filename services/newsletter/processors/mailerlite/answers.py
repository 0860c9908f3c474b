"""How MailerLite answers: everything under `data`, ids as texts, and errors by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.newsletter.processors.interface import Webhook
from services.newsletter.processors.mailerlite.deliveries import UTC
from services.newsletter.processors.minimise import occurred_at
from shared.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from services.newsletter.processors.interface import MemberState
    from services.newsletter.processors.tasks import Step
    from shared.processors.http import ProcessorAnswer

NOT_FOUND = 404
REFUSED = 422
STATES: Mapping[str, MemberState] = {
    "active": "subscribed",
    "unsubscribed": "unsubscribed",
    "unconfirmed": "pending",
    "bounced": "cleaned",
    "junk": "unsubscribed",  # complained
}
# `campaign.sent` names a mailing and nobody who got it. `subscriber.deleted` is told to nobody who does not take
# batches. Not `campaign.open` and not `campaign.click`: who reads what is nobody's business here.
EVENTS = (
    "subscriber.unsubscribed",
    "subscriber.bounced",
    "subscriber.spam_reported",
    "subscriber.deleted",
    "subscriber.updated",
    "subscriber.active",
    "subscriber.added_to_group",
    "subscriber.removed_from_group",
    "campaign.sent",
)


def accepted(answer: ProcessorAnswer) -> ProcessorAnswer:
    """Return a 2xx answer. Raises PermanentError with the status alone: their messages repeat what was sent."""
    if not answer.ok:
        raise PermanentError(f"MailerLite refuses the call ({answer.status}).")
    return answer


def step(call: str, answer: ProcessorAnswer) -> Step:
    """Return one call and its answer for the evidence."""
    return {"call": call, "status": answer.status}


def content(answer: ProcessorAnswer) -> dict[str, Any]:
    """Return the object under `data` of a 2xx answer. Raises RetryableError when it holds something else."""
    found = accepted(answer).object().get("data")
    if not isinstance(found, dict):
        raise RetryableError("MailerLite answered without the object that was asked for.")
    return found


def items(answer: ProcessorAnswer) -> list[dict[str, Any]]:
    """Return the objects under `data` of a 2xx answer. Raises RetryableError when it has none."""
    rows = accepted(answer).object().get("data")
    if not isinstance(rows, list):
        raise RetryableError("MailerLite answered without the collection that was asked for.")
    return [row for row in rows if isinstance(row, dict)]


def next_cursor(answer: ProcessorAnswer) -> str | None:
    """Return where the next page begins, or None after the last."""
    meta = answer.object().get("meta")
    cursor = meta.get("next_cursor") if isinstance(meta, dict) else None
    return cursor if isinstance(cursor, str) and cursor else None


def first_name(subscriber: Mapping[str, Any], name: str) -> str:
    """Return the field that holds the first name."""
    fields = subscriber.get("fields")
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, str) else ""


def is_deleted(subscriber: Mapping[str, Any]) -> bool:
    """Tell whether it is shown only because it is not forgotten yet."""
    return bool(subscriber.get("deleted_at") or subscriber.get("forget_at"))


def forgotten_at(subscriber: Mapping[str, Any]) -> datetime | None:
    """Return when, by their word, nothing is left of whom they were told to forget."""
    return occurred_at(subscriber.get("forget_at"), UTC, "deleted")


def state(subscriber: Mapping[str, Any], group: str) -> MemberState:
    """Return their status in our words; who is not in the group is held and not mailed as a subscriber of ours.

    Raises PermanentError for a status that we do not know.
    """
    state = STATES.get(str(subscriber.get("status")))
    if state is None:
        raise PermanentError("MailerLite shows a subscriber in a status that we do not know.")
    groups = subscriber.get("groups")
    inside = not isinstance(groups, list) or any(isinstance(each, dict) and each.get("id") == group for each in groups)
    return state if inside or state == "cleaned" else "unsubscribed"


def webhook(found: Mapping[str, Any]) -> Webhook:
    """Return a webhook; one that is off, was blocked, or does not tell all that we need to know is not active."""
    events, secret = found.get("events"), found.get("secret")
    told = frozenset(each for each in events if isinstance(each, str)) if isinstance(events, list) else frozenset()
    works = found.get("enabled") is not False and not found.get("is_blocked") and bool(found.get("batchable"))
    return Webhook(
        webhook_id=str(found.get("id", "")),
        events=told,
        active=works and told >= set(EVENTS),
        url=str(found.get("url", "")),
        secret=secret if isinstance(secret, str) and secret else None,
    )
