"""How Brevo answers: plain objects, nothing at all after a change, and errors with a code word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.newsletter.processors.interface import Webhook
from services.newsletter.processors.minimise import code_word
from shared.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.newsletter.processors.interface import MemberState
    from services.newsletter.processors.tasks import Step
    from shared.processors.http import ProcessorAnswer

NOT_FOUND = 404
DUPLICATE = "duplicate_parameter"
# As they are called when a webhook is made; in a delivery they are called otherwise. Not `opened` and not `click`:
# who reads what is nobody's business here.
EVENTS = ("unsubscribed", "spam", "hardBounce", "listAddition", "contactUpdated", "contactDeleted")


def accepted(answer: ProcessorAnswer) -> ProcessorAnswer:
    """Return a 2xx answer. Raises PermanentError with status and code word for any other."""
    if not answer.ok:
        raise PermanentError(f"Brevo refuses the call ({described(answer)}).")
    return answer


def content(answer: ProcessorAnswer) -> dict[str, Any]:
    """Return the object of a 2xx answer. Raises RetryableError when it holds something else."""
    found = accepted(answer).json()
    if not isinstance(found, dict):
        raise RetryableError("Brevo answered without the object that was asked for.")
    return found


def code(answer: ProcessorAnswer) -> str:
    """Return the code word of an error; their message beside it can repeat an address."""
    return "" if answer.ok else code_word(answer.object().get("code"))


def described(answer: ProcessorAnswer) -> str:
    """Return status and code word, and nothing else that they wrote."""
    word = code(answer)
    return f"{answer.status}, {word}" if word else str(answer.status)


def step(call: str, answer: ProcessorAnswer) -> Step:
    """Return one call and its answer for the evidence."""
    word = code(answer)
    return {"call": call, "status": answer.status, **({"code": word} if word else {})}


def items(content: Any, name: str) -> list[dict[str, Any]]:
    """Return the objects of a collection. Raises RetryableError when the answer has none."""
    rows = content.get(name) if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise RetryableError("Brevo answered without the collection that was asked for.")
    return [row for row in rows if isinstance(row, dict)]


def attributes(contact: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the attributes of a contact, by their names in capitals."""
    found = contact.get("attributes")
    return found if isinstance(found, dict) else {}


def state(contact: Mapping[str, Any], list_number: int) -> MemberState:
    """Return whether they mail this contact: on the list, and not on the blocklist of the whole account.

    Whoever is on neither is still held, and counts as unsubscribed: an erasure has to find them.
    """
    lists = contact.get("listIds")
    on_list = isinstance(lists, list) and list_number in lists
    return "subscribed" if on_list and contact.get("emailBlacklisted") is False else "unsubscribed"


def webhook(found: Mapping[str, Any]) -> Webhook:
    """Return a webhook; one that does not tell all that we need to know is not active."""
    events = found.get("events")
    told = frozenset(each for each in events if isinstance(each, str)) if isinstance(events, list) else frozenset()
    auth = found.get("auth")
    token = auth.get("token") if isinstance(auth, dict) else None
    return Webhook(
        webhook_id=str(found.get("id", "")),
        events=told,
        active=told >= set(EVENTS),
        url=str(found.get("url", "")),
        secret=token if isinstance(token, str) and token else None,
    )
