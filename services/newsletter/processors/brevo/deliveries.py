"""What Brevo posts to us: JSON with many spellings of what happened, and a secret of ours in a header.

- `id` is that of the webhook and not of the event.
- Only `ts_event` and `ts` are in UTC; the other times are in the zone of whoever made the account.
- Who is put on the blocklist by hand, or by us, arrives as a contact that was updated, without an address of its own.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from services.newsletter.processors.interface import ParsedWebhook, ProviderEvent
from services.newsletter.processors.minimise import (
    code_word,
    dedupe_key,
    kept_address,
    moment,
)
from services.newsletter.processors.proofs import same
from shared.errors import MalformedBodyError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from services.newsletter.processors.interface import EventKind

HEADER = "x-webhook-secret"
KINDS: Mapping[str, EventKind] = {
    "unsubscribe": "unsubscribed",
    "unsubscribed": "unsubscribed",
    "spam": "complained",
    "complaint": "complained",
    "hardbounce": "bounced",
    "hardbounced": "bounced",
    "listaddition": "subscribed",
    "contactupdated": "profile",
    "contactdeleted": "deleted",
}
"""By their word in small letters and nothing but letters: the same event is spelt in several ways."""
BY_PERSON: Mapping[EventKind, bool] = {"unsubscribed": True, "complained": True, "bounced": False}


def proof_form(secrets: Sequence[str], headers: Mapping[str, str]) -> str | None:
    """Return where one of our secrets was shown: as a bearer token, or in a header of its own."""
    given = {name.lower(): value.strip() for name, value in headers.items()}
    bearer = given.get("authorization", "").removeprefix("Bearer ").strip()
    # Every comparison is made, so that the time taken does not tell which secret came close.
    as_bearer = [same(secret, bearer) for secret in secrets]
    in_header = [same(secret, given.get(HEADER, "")) for secret in secrets]
    if any(as_bearer):
        return "secret-bearer"
    return "secret-header" if any(in_header) else None


def parse(raw: bytes, *, list_number: int) -> ParsedWebhook:
    """Read one event, or several where the account posts them together; an unreadable one costs the others nothing.

    Raises MalformedBodyError when the whole is not the JSON of an event or of a list of them.
    """
    events: list[ProviderEvent] = []
    rejected = ignored = 0
    for item in _items(raw):
        word = _word(item)
        kind = KINDS.get(word)
        if not isinstance(item, dict) or not word:
            rejected += 1
        elif kind is None or not _is_ours(item, list_number):
            ignored += 1
        else:
            found = [_event(item, part, kind, list_number) for part in _contacts(item)]
            events += [event for event in found if event is not None]
            rejected += found.count(None) or not found
    return ParsedWebhook(events=tuple(events), rejected=rejected, ignored=ignored)


def _items(raw: bytes) -> list[Any]:
    try:
        # A wrong byte in one person's name must not cost anybody their opt-out.
        found = json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        found = None
    items = found if isinstance(found, list) else [found]
    if not items or not any(isinstance(item, dict) for item in items):
        raise MalformedBodyError("The body is not an event in JSON.")
    return items


def _word(item: Any) -> str:
    word = item.get("event") if isinstance(item, dict) else None
    return re.sub(r"[^a-z]", "", word.lower()) if isinstance(word, str) else ""


def _is_ours(item: Mapping[str, Any], list_number: int) -> bool:
    """Tell whether it is about our list; of what is about the whole contact they name no list."""
    lists = item.get("list_id")
    return list_number in lists if isinstance(lists, list) and lists else lists in (None, [], list_number)


def _contacts(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield what each contact is described by: the event itself, or each part of its content."""
    content = item.get("content")
    if "email" in item or not isinstance(content, list):
        yield item
    else:
        yield from (part for part in content if isinstance(part, dict))


def _event(
    item: Mapping[str, Any], contact: Mapping[str, Any], kind: EventKind, list_number: int
) -> ProviderEvent | None:
    by_person = BY_PERSON.get(kind)
    if kind == "profile" and contact.get("emailBlacklist") is True:
        kind, by_person = "unsubscribed", False
    email = kept_address(contact.get("email"))
    seconds = item.get("ts_event") or item.get("ts")
    at = moment(seconds)
    if email is None or at is None:
        return None
    return ProviderEvent(
        kind=kind,
        list_id=str(list_number),
        occurred_at=at,
        # The word as it is spelt is left out: an account that changes its spelling repeats itself in the new one.
        dedupe_key=dedupe_key("brevo", str(list_number), kind, email.lower(), str(seconds)),
        email=email,
        reason=code_word(item.get("reason")) or code_word(item.get("event")),
        by_person=by_person,
    )
