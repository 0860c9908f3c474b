"""What a played OpenDSR processor takes and what it refuses, written from the specification and not from our client."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from services.sandbox.webhooks import is_reachable
from shared.clock import parse_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from datetime import datetime

Status = Literal["pending", "in_progress", "completed", "cancelled"]

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
IDENTITY_FIELDS = ("identity_type", "identity_value", "identity_format")


@dataclass(kw_only=True)
class PlayedRequest:
    """One request as the processor keeps it; ``categories`` is None where everything of the person is meant."""

    request_id: str
    version: int
    identities: list[Mapping[str, str]]
    categories: list[str] | None
    callback_urls: list[str]
    expected_at: datetime
    status: Status = "pending"
    undelivered: int = 0
    erased: int = 0

    def is_about(self, email: str) -> bool:
        """Whether one of the identities is this address, in the clear or hashed."""
        normal = email.strip().lower()
        known = {"raw": normal, "sha256": hashlib.sha256(normal.encode()).hexdigest()}
        return any(
            each["identity_type"] == "email"
            and known.get(each["identity_format"]) == each["identity_value"].strip().lower()
            for each in self.identities
        )


def problems(content: Mapping[str, Any], version: int, formats: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a request: the field, and why; never what stood in it."""
    for name, check in CHECKS.items():
        value = content.get(name)
        if not isinstance(value, str) or not value:
            if name in content or version > 1 or name != "regulation":  # version 1 had no regulation
                yield name, "is required"
        elif problem := check(value):
            yield name, problem
    yield from _identity_problems(content, formats)
    urls = content.get("status_callback_urls") or []
    if not isinstance(urls, list) or not all(isinstance(url, str) and is_reachable(url) for url in urls):
        yield "status_callback_urls", "holds an address that this processor does not call"


def _identity_problems(content: Mapping[str, Any], formats: Collection[str]) -> Iterator[tuple[str, str]]:
    identities = content.get("subject_identities")
    if identities is None and content.get("extensions"):
        return
    if not isinstance(identities, list) or not identities:
        yield "subject_identities", "is required"
        return
    for each in identities:
        if not isinstance(each, dict) or not all(isinstance(each.get(name), str) for name in IDENTITY_FIELDS):
            yield "subject_identities", "has an identity that lacks a field"
        elif each["identity_type"] != "email":
            yield "identity_type", "is not supported"
        elif each["identity_format"] not in formats:
            yield "identity_format", "is not supported"


def categories_in(content: Mapping[str, Any], domain: str) -> list[str] | None:
    """Return the categories that the extension of this processor names, if any."""
    extension = (content.get("extensions") or {}).get(domain)
    named = extension.get("data_categories") if isinstance(extension, dict) else None
    return [str(each) for each in named] if isinstance(named, list) else None


def _regulation(text: str) -> str | None:
    return None if text in ("gdpr", "ccpa") else "is unknown"


def _request_id(text: str) -> str | None:
    return None if UUID4.fullmatch(text) else "is not a UUID v4 in lower case"


def _request_type(text: str) -> str | None:
    if text in ("access", "portability"):
        return "is not supported"
    return None if text == "erasure" else "is unknown"


def _time(text: str) -> str | None:
    try:
        parse_utc(text)
    except ValueError:
        return "is not a time of RFC 3339"
    return None


CHECKS: Mapping[str, Callable[[str], str | None]] = {
    "regulation": _regulation,
    "subject_request_id": _request_id,
    "subject_request_type": _request_type,
    "submitted_time": _time,
}
