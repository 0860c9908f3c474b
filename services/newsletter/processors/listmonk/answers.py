"""How listmonk answers: everything under `data`, and a subscriber with the lists it is on inside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from services.newsletter.processors.interface import ProviderEvent
from services.newsletter.processors.minimise import dedupe_key, kept_address, occurred_at
from shared.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.newsletter.processors.interface import MemberState
    from services.newsletter.processors.tasks import Step
    from shared.processors.http import ProcessorAnswer

NOT_THERE = (400, 404)
EXISTS = 409
UTC = ZoneInfo("UTC")
STATES: Mapping[str, MemberState] = {
    "confirmed": "subscribed",
    "unconfirmed": "pending",  # a list without confirmations is mailed to these as well
    "unsubscribed": "unsubscribed",
}


def accepted(answer: ProcessorAnswer) -> ProcessorAnswer:
    """Return a 2xx answer. Raises PermanentError with the status alone: their messages repeat what was sent."""
    if not answer.ok:
        raise PermanentError(f"listmonk refuses the call ({answer.status}).")
    return answer


def step(call: str, answer: ProcessorAnswer) -> Step:
    """Return one call and its answer for the evidence."""
    return {"call": call, "status": answer.status}


def subscribers(answer: ProcessorAnswer) -> list[dict[str, Any]]:
    """Return the subscribers of a 2xx answer. Raises RetryableError when it holds something else."""
    data = accepted(answer).object().get("data")
    rows = data.get("results") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise RetryableError("listmonk answered without the collection that was asked for.")
    return [row for row in rows if isinstance(row, dict)]


def subscription(subscriber: Mapping[str, Any], list_number: int) -> Mapping[str, Any]:
    """Return what a subscriber is to our list, or nothing."""
    lists = subscriber.get("lists")
    rows = [row for row in lists if isinstance(row, dict)] if isinstance(lists, list) else []
    return next((row for row in rows if row.get("id") == list_number), {})


def state(subscriber: Mapping[str, Any], list_number: int) -> MemberState:
    """Return whether they mail this subscriber; who is blocked, switched off or off the list is held and not mailed."""
    if subscriber.get("status") != "enabled":
        return "unsubscribed"
    return STATES.get(str(subscription(subscriber, list_number).get("subscription_status")), "unsubscribed")


def opt_out(subscriber: Mapping[str, Any], list_number: int) -> ProviderEvent | None:
    """Return the no of a subscriber, or None where it cannot be read.

    It is seen as a state and not heard as an act. On the blocklist is also whom somebody there put on it, a bounce,
    or we: so that is not taken for the person's own hand. Its time is the later of the two that they keep, since
    some ways to leave set only the one and some only the other.
    """
    email = kept_address(subscriber.get("email"))
    written = (subscription(subscriber, list_number).get("subscription_updated_at"), subscriber.get("updated_at"))
    at = max((time for each in written if (time := occurred_at(each, UTC, "unsubscribed"))), default=None)
    if email is None or at is None:
        return None
    blocked = subscriber.get("status") == "blocklisted"
    return ProviderEvent(
        kind="unsubscribed",
        list_id=str(list_number),
        occurred_at=at,
        dedupe_key=dedupe_key("listmonk", str(list_number), str(subscriber.get("id")), at.isoformat()),
        email=email,
        reason="blocklisted" if blocked else "unsubscribed",
        by_person=False if blocked else None,
    )
