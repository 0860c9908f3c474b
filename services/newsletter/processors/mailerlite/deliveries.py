"""What MailerLite posts to us: batches of events in two shapes, signed over their bytes.

What is about a subscriber is flat, with the word under `event`. What is about a group has the subscriber inside it,
and the word under `type`. Batches mix them. Some events name no time at all, an unsubscribe among them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from services.newsletter.processors.interface import ParsedWebhook, ProviderEvent
from services.newsletter.processors.minimise import (
    code_word,
    dedupe_key,
    kept_address,
    occurred_at,
)
from services.newsletter.processors.proofs import mac, same
from shared.errors import MalformedBodyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.newsletter.processors.interface import EventKind

SIGNATURE = "signature"
SENT = "campaign.sent"
UTC = ZoneInfo("UTC")
KINDS: Mapping[str, EventKind] = {
    "subscriber.unsubscribed": "unsubscribed",
    "subscriber.bounced": "bounced",
    "subscriber.spam_reported": "complained",
    "subscriber.deleted": "deleted",
    "subscriber.updated": "profile",
    "subscriber.active": "subscribed",
    "subscriber.added_to_group": "subscribed",
    "subscriber.removed_from_group": "deleted",
}
BY_PERSON: Mapping[EventKind, bool] = {"complained": True, "bounced": False, "deleted": False}
"""Of an unsubscribe they do not say whether it was the person, or we."""
TIMES: Mapping[EventKind, tuple[str, ...]] = {
    "unsubscribed": ("unsubscribed_at", "updated_at"),
    "deleted": ("deleted_at", "updated_at"),
}


def signature_form(secrets: Sequence[str], headers: Mapping[str, str], raw: bytes) -> str | None:
    """Return "signature-hex" when the header holds under one of the secrets."""
    given = next((value.strip() for name, value in headers.items() if name.lower() == SIGNATURE), "")
    # Every comparison is made, so that the time taken does not tell which secret came close.
    matches = [same(mac(secret, raw).hex(), given) for secret in secrets]
    return "signature-hex" if any(matches) else None


def parse(raw: bytes, *, group: str) -> ParsedWebhook:
    """Read a batch item by item, or one event; what cannot be read is counted and costs the others nothing.

    Raises MalformedBodyError when the whole is not the JSON of an event or of a batch.
    """
    events: list[ProviderEvent] = []
    campaigns: list[str] = []
    rejected = ignored = 0
    for item in _items(raw):
        word = _word(item)
        kind = KINDS.get(word)
        if not word:
            rejected += 1
        elif word == SENT and (campaign := _campaign(item)):
            campaigns.append(campaign)
        elif kind is None or not _is_ours(item, group):
            ignored += 1
        elif (event := _event(item, word, kind, group)) is None:
            rejected += 1
        else:
            events.append(event)
    return ParsedWebhook(events=tuple(events), campaigns=tuple(campaigns), rejected=rejected, ignored=ignored)


def _items(raw: bytes) -> list[Any]:
    try:
        # A wrong byte in one person's name must not cost the others in the batch their opt-out.
        found = json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict) and isinstance(found.get("events"), list):
        items: list[Any] = found["events"]
        return items
    if not _word(found):
        raise MalformedBodyError("The body is neither an event in JSON nor a batch of them.")
    return [found]


def _word(item: Any) -> str:
    word = (item.get("event") or item.get("type")) if isinstance(item, dict) else None
    return word if isinstance(word, str) else ""


def _campaign(item: Mapping[str, Any]) -> str:
    """Return which mailing was sent: flat or inside, as with a subscriber."""
    inside = item.get("campaign")
    return code_word(str((inside if isinstance(inside, dict) else item).get("id") or ""))


def _is_ours(item: Mapping[str, Any], group: str) -> bool:
    """Tell whether it is about our group; what is about a subscriber is about every group they are in."""
    about = item.get("group")
    return about.get("id") == group if isinstance(about, dict) else not _word(item).endswith("_group")


def _event(item: Mapping[str, Any], word: str, kind: EventKind, group: str) -> ProviderEvent | None:
    inside = item.get("subscriber")
    subscriber = inside if isinstance(inside, dict) else item
    email = kept_address(subscriber.get("email"))
    if email is None:
        return None
    written = next((subscriber[name] for name in TIMES.get(kind, ("updated_at",)) if subscriber.get(name)), None)
    return ProviderEvent(
        kind=kind,
        list_id=group,
        occurred_at=occurred_at(written, UTC, kind),
        dedupe_key=dedupe_key(
            "mailerlite", group, word, str(subscriber.get("id") or email.lower()), str(written or "")
        ),
        email=email,
        reason=code_word(word.removeprefix("subscriber.")),
        by_person=BY_PERSON.get(kind),
    )
