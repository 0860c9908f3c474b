"""How Laposta answers: objects wrapped under their name, errors with a code and the parameter they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ijson

from services.newsletter.processors.interface import Member, Webhook
from shared.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from services.newsletter.processors.interface import MemberState
    from services.newsletter.processors.tasks import Step
    from shared.processors.http import ProcessorAnswer

UNKNOWN = 203
STATES: Mapping[str, MemberState] = {
    "active": "subscribed",
    "unsubscribed": "unsubscribed",
    "unconfirmed": "pending",
    "cleaned": "cleaned",
    # Their specification names it, their system answers 203 instead; if it shows, they still have the address.
    "deleted": "unsubscribed",
}


LISTED = ("active", "unsubscribed", "unconfirmed", "cleaned")
"""The states by which a list can be asked for."""
NO_COLLECTION = "Laposta answered without the collection that was asked for."
PLACES = {"data.item.member.email": "email", "data.item.member.state": "state"}
"""Where a listing has what is kept of a member."""


def accepted(answer: ProcessorAnswer) -> ProcessorAnswer:
    """Return a 2xx answer. Raises PermanentError with status and code for any other."""
    if not answer.ok:
        raise PermanentError(f"Laposta refuses the call ({described(answer)}).")
    return answer


def described(answer: ProcessorAnswer) -> str:
    """Return status and code, and nothing that they wrote."""
    code = error(answer).get("code")
    return f"{answer.status}, code {code}" if isinstance(code, int) else str(answer.status)


def step(call: str, answer: ProcessorAnswer) -> Step:
    """Return one call and its answer for the evidence."""
    code = error(answer).get("code")
    return {"call": call, "status": answer.status, **({"code": code} if isinstance(code, int) else {})}


def error(answer: ProcessorAnswer) -> dict[str, Any]:
    """Return the error of an answer, or nothing."""
    return {} if answer.ok else wrapped(answer.object(), "error")


def wrapped(content: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the object under its name, or an empty one."""
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def items(content: Any, name: str) -> Sequence[dict[str, Any]]:
    """Return the objects of a collection, each of which is wrapped under its own name."""
    rows = content.get("data") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise RetryableError(NO_COLLECTION)
    return [wrapped(row, name) for row in rows if isinstance(row, dict)]


def content(answer: ProcessorAnswer, name: str) -> dict[str, Any]:
    """Return the object of that name in a 2xx answer. Raises RetryableError when it holds something else."""
    found = accepted(answer).json()
    if not isinstance(found, dict) or not isinstance(found.get(name), dict):
        raise RetryableError("Laposta answered without the object that was asked for.")
    return wrapped(found, name)


def read_members(parts: Iterator[bytes]) -> Sequence[Member]:
    """Return the members of a listing, of which nothing else is kept: it can be as long as the list is.

    Raises RetryableError when it holds something else, PermanentError for a state that we do not know.
    """
    try:
        found = list(_members(parts))
    except (ijson.JSONError, UnicodeDecodeError):
        failure = RetryableError(NO_COLLECTION)
    else:
        return found
    # Raised here and not above: what a parser says can repeat an address.
    raise failure


def _members(parts: Iterator[bytes]) -> Iterator[Member]:
    """Yield each member once it is there whole; an object without one, or a listing without objects, is something else.

    An address or a state that is no text is left out of ``shown``, and so misses below.
    """
    shown: dict[str, str] = {}
    there = False
    for place, kind, value in ijson.parse(ijson.from_iter(parts)):
        if place == "data":
            there = there or kind == "start_array"
        elif kind == "string" and place in PLACES:
            shown[PLACES[place]] = value
        elif place == "data.item" and kind != "map_key":
            if kind == "start_map":
                shown = {}
            elif kind == "end_map" and shown.keys() == {"email", "state"}:
                yield Member(email=shown["email"], state=_state(shown["state"]))
            else:
                raise RetryableError(NO_COLLECTION)
    if not there:
        raise RetryableError(NO_COLLECTION)


def custom_fields(member: dict[str, Any]) -> dict[str, Any]:
    """Return a member's fields, by `custom_name`."""
    return wrapped(member, "custom_fields")


def state(member: dict[str, Any]) -> MemberState:
    """Return their state in our words. Raises PermanentError for one we do not know."""
    return _state(str(member.get("state")))


def _state(theirs: str) -> MemberState:
    state = STATES.get(theirs)
    if state is None:
        raise PermanentError("Laposta shows a member in a state that we do not know.")
    return state


def webhook(found: dict[str, Any]) -> Webhook:
    """Return a webhook; one that is blocked is not active."""
    secret = found.get("secret")
    return Webhook(
        webhook_id=str(found.get("webhook_id", "")),
        events=frozenset({str(found.get("event", ""))}),
        active=str(found.get("blocked")).lower() not in ("true", "1"),
        url=str(found.get("url", "")),
        secret=secret if isinstance(secret, str) and secret else None,
    )
