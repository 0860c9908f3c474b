"""OpenDSR 2.0 as it is written and read: strict in what goes out, lenient in what comes in."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from shared.clock import parse_utc
from shared.errors import PermanentError, RetryableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

Status: TypeAlias = Literal["pending", "in_progress", "completed", "cancelled"]

VERSION = "2.0"
ERASURE = "erasure"
FORMATS = ("raw", "sha256")  # the order of preference; md5 and sha1 are as good as raw to whoever guesses
SPELLINGS: Mapping[str, Status] = {
    "pending": "pending",
    "in_progress": "in_progress",
    "in-progress": "in_progress",
    "completed": "completed",
    "cancelled": "cancelled",
    "canceled": "cancelled",
}


class UnreadableAnswerError(RetryableError):
    """An answer or a callback is not what the specification says it is."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What a processor announces: pairs of identity type and format, types of request, its certificate's address."""

    identities: frozenset[tuple[str, str]]
    request_types: frozenset[str]
    certificate_url: str


@dataclass(frozen=True, slots=True)
class StatusNote:
    """What an answer says of a request; nothing else of it is used."""

    request_id: str
    status: Status
    expected_at: datetime | None
    callback_url: str | None


def read_discovery(body: bytes) -> Discovery:
    """Read an answer to `/discovery`. Raises UnreadableAnswerError."""
    said = _object(body)
    rows = [each for each in _list(said, "supported_identities") if isinstance(each, dict)]
    return Discovery(
        identities=frozenset((str(row.get("identity_type")), str(row.get("identity_format"))) for row in rows),
        request_types=frozenset(str(each) for each in _list(said, "supported_subject_request_types")),
        certificate_url=_text(said, "processor_certificate"),
    )


def read_accepted(body: bytes) -> StatusNote:
    """Read a 201: it says no status, since a request that was just taken is pending.

    It also repeats the whole request with the person's identities (``encoded_request``): never looked at.
    """
    said = _object(body)
    return StatusNote(_text(said, "subject_request_id").lower(), "pending", _moment(said), None)


def read_status(body: bytes) -> StatusNote:
    """Read a status or a callback. Raises UnreadableAnswerError."""
    said = _object(body)
    status = SPELLINGS.get(_text(said, "request_status").lower())
    if status is None:
        raise UnreadableAnswerError("The processor gives a request a status that OpenDSR does not have.")
    callback_url = said.get("status_callback_url")
    return StatusNote(
        _text(said, "subject_request_id").lower(),
        status,
        _moment(said),
        callback_url if isinstance(callback_url, str) else None,
    )


def erasure_request(
    *,
    request_id: str,
    requested_at: datetime,
    identities: Sequence[Mapping[str, str]],
    callback_url: str,
    extensions: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the body of a request to erase; ``request_id`` is a lower-case UUID v4."""
    content: dict[str, Any] = {
        "regulation": "gdpr",
        "subject_request_id": request_id,
        "subject_request_type": ERASURE,
        "submitted_time": requested_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "subject_identities": list(identities),
        "api_version": VERSION,
        "status_callback_urls": [callback_url],
    }
    return content | ({"extensions": dict(extensions)} if extensions else {})


def email_identities(emails: Sequence[str], discovery: Discovery, wanted: str) -> list[dict[str, str]]:
    """Return a person's addresses in a format the processor announced: the wanted one, or the best there is.

    Raises PermanentError when it announced none of ours.
    """
    usable = [each for each in FORMATS if ("email", each) in discovery.identities]
    if not usable or (wanted and wanted not in usable):
        raise PermanentError("The processor does not announce that it takes e-mail addresses in a format we may use.")
    chosen = wanted or usable[0]
    return [
        {"identity_type": "email", "identity_value": _written(each, chosen), "identity_format": chosen}
        for each in dict.fromkeys(emails)
    ]


def _written(email: str, chosen: str) -> str:
    """Hash the address trimmed and in lower case: OpenDSR does not say how, so the register's notes must."""
    return email if chosen == "raw" else hashlib.sha256(email.strip().lower().encode()).hexdigest()


def _object(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        # Raised here: the parser's own message may quote the body.
        raise UnreadableAnswerError("The processor's answer is no JSON object.")
    return said


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str) or not value:
        raise UnreadableAnswerError(f"The processor's answer lacks {name}.")
    return value


def _list(said: Mapping[str, Any], name: str) -> list[Any]:
    value = said.get(name)
    if not isinstance(value, list):
        raise UnreadableAnswerError(f"The processor's answer lacks {name}.")
    return value


def _moment(said: Mapping[str, Any]) -> datetime | None:
    """Return when the processor expects to be done; without it, or with nonsense, we look by our own clock."""
    try:
        return parse_utc(str(said.get("expected_completion_time")))
    except (ValueError, OverflowError):
        return None
