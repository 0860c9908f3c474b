"""What Mailchimp posts to us: one event as form fields, since 2026 signed with a time if the webhook says so."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

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
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from services.newsletter.processors.interface import EventKind

SIGNATURE = "x-mailchimp-signature"
TOLERANCE = 300
"""Seconds that a signature's time may differ from ours, either way."""
MOST_FIELDS = 1000


def signature_form(secrets: Sequence[str], headers: Mapping[str, str], raw: bytes, now: datetime) -> str | None:
    """Return "signature-v1" when one of the header's `v1` values holds under one of the secrets, else None.

    While a secret is being replaced the header has a `v1` for each, in no promised order.
    """
    header = next((value for name, value in headers.items() if name.lower() == SIGNATURE), "")
    fields = [part.strip().partition("=")[::2] for part in header.split(",")]
    times = [value for name, value in fields if name == "t"]
    if len(times) != 1 or not _is_recent(times[0], now):
        return None
    signed = times[0].encode() + b"." + raw
    # Every comparison is made, so that the time taken does not tell which secret came close.
    matches = [same(mac(secret, signed).hex(), given) for secret in secrets for name, given in fields if name == "v1"]
    return "signature-v1" if any(matches) else None


def parse(raw: bytes, *, list_id: str, zone: ZoneInfo) -> ParsedWebhook:
    """Read a delivery, which is one event; of a kind or a list that is not ours it is counted as ignored.

    Raises MalformedBodyError when the body is not a form with a type.
    """
    fields = _decoded(raw)
    if fields["type"] == "campaign":
        return _campaign(fields, list_id)
    kind = _kind(fields)
    if kind is None or _data(fields, "list_id") != list_id:
        return ParsedWebhook(ignored=1)
    event = _event(fields, kind, zone)
    return ParsedWebhook(rejected=1) if event is None else ParsedWebhook(events=(event,))


def _is_recent(text: str, now: datetime) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16 and abs(now.timestamp() - int(text)) <= TOLERANCE


def _decoded(raw: bytes) -> dict[str, str]:
    """Return the fields under their literal names, `data[email]` and all; one given twice is left out."""
    try:
        pairs = parse_qsl(
            raw.decode("utf-8", "replace"), keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        pairs = []
    fields: dict[str, str] = {}
    twice = set()
    for name, value in pairs:
        if fields.setdefault(name, value) != value:
            twice.add(name)
    found = {name: value for name, value in fields.items() if name not in twice}
    if "type" not in found:
        raise MalformedBodyError("The body is not a form with the type of an event.")
    return found


def _kind(fields: Mapping[str, str]) -> EventKind | None:
    match fields["type"]:
        case "subscribe":
            return "subscribed"
        case "profile":
            return "profile"
        case "upemail":
            return "address_changed"
        case "cleaned":
            return "complained" if _data(fields, "reason") == "abuse" else "bounced"
        case "unsubscribe":
            return _opt_out(_data(fields, "action"), _data(fields, "reason"))
        case _:
            return None


def _campaign(fields: Mapping[str, str], list_id: str) -> ParsedWebhook:
    """Read which mailing was sent; of one that was not, they tell as well."""
    campaign = code_word(_data(fields, "id"))
    ours = _data(fields, "list_id") == list_id and _data(fields, "status") == "sent" and campaign
    return ParsedWebhook(campaigns=(campaign,)) if ours else ParsedWebhook(ignored=1)


def _opt_out(action: str, reason: str) -> EventKind:
    """Tell apart what all arrives as an unsubscribe; the action may be missing."""
    if action == "delete":
        return "deleted"
    return {"abuse": "complained", "hard": "bounced"}.get(reason, "unsubscribed")  # type: ignore[return-value]


def _event(fields: Mapping[str, str], kind: EventKind, zone: ZoneInfo) -> ProviderEvent | None:
    moved = kind == "address_changed"  # has neither `email` nor `id`
    email = kept_address(_data(fields, "old_email" if moved else "email"))
    new_email = kept_address(_data(fields, "new_email")) if moved else None
    at = occurred_at(fields.get("fired_at"), zone, kind)
    if email is None or at is None or (moved and new_email is None):
        return None
    member = _data(fields, "new_id") if moved else _data(fields, "id")
    return ProviderEvent(
        kind=kind,
        list_id=_data(fields, "list_id"),
        occurred_at=at,
        dedupe_key=dedupe_key(
            "mailchimp", fields["type"], member or email.lower(), _data(fields, "list_id"), fields["fired_at"]
        ),
        email=email,
        new_email=new_email,
        reason=code_word(_data(fields, "reason")),
    )


def _data(fields: Mapping[str, str], *path: str) -> str:
    return fields.get("data" + "".join(f"[{name}]" for name in path), "")
