"""How Laposta answers: objects wrapped under their name, errors with a code and the parameter they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from services.newsletter.processors.interface import Member, Webhook
from shared.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        raise RetryableError("Laposta answered without the collection that was asked for.")
    return [wrapped(row, name) for row in rows if isinstance(row, dict)]


def content(answer: ProcessorAnswer, name: str) -> dict[str, Any]:
    """Return the object of that name in a 2xx answer. Raises RetryableError when it holds something else."""
    found = accepted(answer).json()
    if not isinstance(found, dict) or not isinstance(found.get(name), dict):
        raise RetryableError("Laposta answered without the object that was asked for.")
    return wrapped(found, name)


class _Shown(msgspec.Struct):
    email: str
    state: str


class _Wrapped(msgspec.Struct):
    member: _Shown


class _Listing(msgspec.Struct):
    data: list[_Wrapped]


def members(answer: ProcessorAnswer) -> Sequence[Member]:
    """Return the members of a listing, of which nothing else is decoded: it can be as long as the list is.

    Raises RetryableError when it holds something else, PermanentError for a state that we do not know.
    """
    try:
        found = msgspec.json.decode(answer.body, type=_Listing)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        failure = RetryableError("Laposta answered without the collection that was asked for.")
    else:
        return [Member(email=row.member.email, state=_state(row.member.state)) for row in found.data]
    raise failure


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
