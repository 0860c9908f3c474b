"""What Laposta posts to us: a batch of events in JSON, signed over its bytes."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

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
    from zoneinfo import ZoneInfo

    from services.newsletter.processors.interface import EventKind

SIGNATURE = "x-laposta-signature"
# By what was done; where they leave that out, by the state the member is in now.
DEACTIVATIONS: Mapping[str, EventKind] = {
    "unsubscribed": "unsubscribed",
    "deleted": "deleted",
    "hardbounce": "bounced",
    "cleaned": "bounced",
}


def signature_form(secrets: Sequence[str], headers: Mapping[str, str], raw: bytes) -> str | None:
    """Return how a signature that holds is written, hexadecimal or base64: their documents do not say which."""
    given = next((value.strip() for name, value in headers.items() if name.lower() == SIGNATURE), "")
    macs = [mac(secret, raw) for secret in secrets]
    # Every comparison is made, so that the time taken does not tell which secret came close.
    in_hex = [same(code.hex(), given) for code in macs]
    in_base64 = [same(base64.b64encode(code).decode(), given) for code in macs]
    if any(in_hex):
        return "signature-hex"
    return "signature-base64" if any(in_base64) else None


def parse(raw: bytes, *, list_id: str, zone: ZoneInfo) -> ParsedWebhook:
    """Read a batch item by item: one that cannot be read is counted and costs the others nothing.

    Raises MalformedBodyError when the whole is not the JSON of a batch.
    """
    batch = _decoded(raw)
    sent_at = batch.get("date_fired", batch.get("date_requested"))  # their table and their example differ
    events: list[ProviderEvent] = []
    rejected = ignored = 0
    for item in batch["data"]:
        kind, known = _kind(item), _is_ours(item, list_id)
        if not known or kind is None:
            unreadable = not isinstance(item, dict) or not isinstance(item.get("data"), dict)
            rejected, ignored = rejected + unreadable, ignored + (not unreadable)
            continue
        event = _event(item, kind, sent_at, zone)
        if event is None:
            rejected += 1
        else:
            events.append(event)
    return ParsedWebhook(events=tuple(events), rejected=rejected, ignored=ignored)


def _decoded(raw: bytes) -> dict[str, Any]:
    try:
        # A wrong byte in one person's name must not cost the other 999 their opt-out.
        batch = json.loads(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        batch = None
    if not isinstance(batch, dict) or not isinstance(batch.get("data"), list):
        raise MalformedBodyError("The body is not a batch of events in JSON.")
    return batch


def _is_ours(item: Any, list_id: str) -> bool:
    return (
        isinstance(item, dict)
        and item.get("type") == "member"
        and isinstance(item.get("data"), dict)
        and item["data"].get("list_id") == list_id
    )


def _kind(item: Any) -> EventKind | None:
    if not isinstance(item, dict):
        return None
    event = item.get("event")
    if event == "subscribed":
        return "subscribed"
    if event == "modified":
        return "profile"
    if event != "deactivated":
        return None
    member, info = _part(item, "data"), _part(item, "info")
    return DEACTIVATIONS.get(str(info.get("action") or member.get("state")), "unsubscribed")


def _event(item: dict[str, Any], kind: EventKind, sent_at: object, zone: ZoneInfo) -> ProviderEvent | None:
    member, info = _part(item, "data"), _part(item, "info")
    email = kept_address(member.get("email"))
    at = occurred_at(info.get("date_event"), zone, kind) or occurred_at(sent_at, zone, kind)
    if email is None or at is None:
        return None
    source = info.get("source")
    return ProviderEvent(
        kind=kind,
        list_id=str(member["list_id"]),
        occurred_at=at,
        dedupe_key=dedupe_key(
            "laposta",
            str(member["list_id"]),
            str(member.get("member_id") or email.lower()),
            str(item.get("event")),
            str(info.get("action")),
            str(info.get("date_event") or sent_at),
        ),
        email=email,
        reason=code_word(info.get("action")),
        by_person=source == "external" if source in ("external", "app") else None,
    )


def _part(item: dict[str, Any], name: str) -> dict[str, Any]:
    found = item.get(name)
    return found if isinstance(found, dict) else {}
