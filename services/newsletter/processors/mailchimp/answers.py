"""How Mailchimp answers: plain objects, and problems that only their title tells apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.newsletter.processors.interface import Webhook
from shared.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.newsletter.processors.interface import MemberState
    from services.newsletter.processors.tasks import Step
    from shared.processors.http import ProcessorAnswer

NOT_FOUND = 404
LEFT_BY_THEMSELVES = "Member In Compliance State"
FORGOTTEN = "Forgotten Email Not Subscribed"
# The titles that may be repeated in an error of ours; anything else they write could hold an address.
TITLES = frozenset({
    LEFT_BY_THEMSELVES, FORGOTTEN, "Member Exists", "Invalid Resource", "Resource Not Found", "API Key Invalid",
    "JSON Parse Error", "Forbidden", "Method Not Allowed",
})  # fmt: skip
STATES: Mapping[str, MemberState] = {
    "subscribed": "subscribed",
    "unsubscribed": "unsubscribed",
    "pending": "pending",
    "cleaned": "cleaned",
    # Held and not mailed as a subscriber: what counts as unsubscribed here, and still has to be erased.
    "archived": "unsubscribed",
    "transactional": "unsubscribed",
}
WEBHOOK = {
    "events": {
        "subscribe": True, "unsubscribe": True, "profile": True, "cleaned": True, "upemail": True, "campaign": True,
    },
    # Without `api: False` every write of ours would come back as news.
    "sources": {"user": True, "admin": True, "api": False},
}  # fmt: skip


def accepted(answer: ProcessorAnswer) -> ProcessorAnswer:
    """Return a 2xx answer. Raises PermanentError with status and title for any other."""
    if not answer.ok:
        raise PermanentError(f"Mailchimp refuses the call ({described(answer)}).")
    return answer


def content(answer: ProcessorAnswer) -> dict[str, Any]:
    """Return the object of a 2xx answer. Raises RetryableError when it holds something else."""
    found = accepted(answer).json()
    if not isinstance(found, dict):
        raise RetryableError("Mailchimp answered without the object that was asked for.")
    return found


def known_title(answer: ProcessorAnswer) -> str:
    """Return the title of a problem, which says what it is about; recorded ones may lack a type."""
    title = "" if answer.ok else answer.object().get("title")
    return title if isinstance(title, str) and title in TITLES else ""


def described(answer: ProcessorAnswer) -> str:
    """Return status and known title, and nothing else that they wrote."""
    title = known_title(answer)
    return f"{answer.status}, {title}" if title else str(answer.status)


def step(call: str, answer: ProcessorAnswer) -> Step:
    """Return one call and its answer for the evidence."""
    title = known_title(answer)
    return {"call": call, "status": answer.status, **({"title": title} if title else {})}


def items(content: Any, name: str) -> list[dict[str, Any]]:
    """Return the objects of a collection. Raises RetryableError when the answer has none."""
    rows = content.get(name) if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise RetryableError("Mailchimp answered without the collection that was asked for.")
    return [row for row in rows if isinstance(row, dict)]


def state(member: Mapping[str, Any]) -> MemberState:
    """Return their status in our words. Raises PermanentError for one we do not know."""
    state = STATES.get(str(member.get("status")))
    if state is None:
        raise PermanentError("Mailchimp shows a member in a status that we do not know.")
    return state


def webhook(found: Mapping[str, Any]) -> Webhook:
    """Return a webhook; one that tells too little, or echoes our own writes, is not active."""
    events, sources = found.get("events"), found.get("sources")
    told = {name for name, on in events.items() if on is True} if isinstance(events, dict) else set()
    needed = {name for name, on in WEBHOOK["events"].items() if on}
    secret = found.get("signing_secret")
    return Webhook(
        webhook_id=str(found.get("id", "")),
        events=frozenset(told),
        active=needed <= told and sources == WEBHOOK["sources"],
        url=str(found.get("url", "")),
        secret=secret if isinstance(secret, str) and secret else None,
    )
