"""What a mail server reports of a mail that it took and could not deliver after all (RFC 3464).

Two things are read from a report: which mail of ours it is about, and the status. Whom it was for and what it said
stand in the report as well, and go no further than this module.
"""

from __future__ import annotations

import email
import re
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser, HeaderParser
from typing import TYPE_CHECKING

from shared.mail.strangers import is_made_slow

if TYPE_CHECKING:
    from collections.abc import Iterator

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
MESSAGE_ID = re.compile(rf"\s*<({UUID})@([^<>\s]+)>\s*")
STATUS = re.compile(r"\s*([45]\.[0-9]{1,3}\.[0-9]{1,3})\b")
UNKNOWN = "5.0.0"
"""Where a report says that it failed and not why (RFC 3463 section 3.1)."""
STATUS_PARTS = {"message/delivery-status", "message/global-delivery-status"}
RETURNED_PARTS = {"message/rfc822", "message/global", "message/global-headers"}
HEADERS_ONLY = "text/rfc822-headers"


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A mail of ours that did not arrive, by its id, and why (RFC 3463)."""

    mail: str
    status: str


def undelivered(content: bytes, domain: str) -> Undelivered | None:
    """Return what a mail reports of one that we sent from this domain; None for any other mail.

    A report of a delay, or that something was delivered, is about nothing that failed. ``content`` may be cut off
    behind the headers of the mail that came back.
    """
    if is_made_slow(content):
        return None
    try:
        report = email.message_from_bytes(content)
    except RecursionError:  # parts in parts, a thousand deep: no server wrote that
        return None
    parts = _parts(report) if report.get_content_type() == "multipart/report" else []
    statuses = [_status(fields) for part in parts for fields in _recipients(part) if _failed(fields)]
    mails = [mail for part in parts if (mail := _mail_of(part, domain)) is not None]
    return Undelivered(mails[0], statuses[0]) if statuses and mails else None


def _parts(message: Message) -> list[Message]:
    inside = message.get_payload()
    return [part for part in inside if isinstance(part, Message)] if isinstance(inside, list) else []


def _recipients(part: Message) -> Iterator[Message]:
    """Give the fields of each recipient; what is said of the whole mail has no Action in it."""
    for block in _parts(part) if part.get_content_type() in STATUS_PARTS else ():
        yield block
        # Of the international kind (RFC 6533) the library takes only the first block for fields.
        for more in re.split(r"(?:\r?\n){2,}", text) if isinstance(text := block.get_payload(), str) else ():
            yield HeaderParser().parsestr(more.lstrip("\r\n"))


def _failed(fields: Message) -> bool:
    return str(fields.get("Action", "")).strip().lower() == "failed"


def _status(fields: Message) -> str:
    found = STATUS.match(str(fields.get("Status", "")))
    return found[1] if found else UNKNOWN


def _mail_of(part: Message, domain: str) -> str | None:
    """Return which mail of ours came back in this part: whole, or only its headers."""
    returned = _parts(part) if part.get_content_type() in RETURNED_PARTS else []
    if part.get_content_type() == HEADERS_ONLY and isinstance(raw := part.get_payload(decode=True), bytes):
        returned = [BytesHeaderParser().parsebytes(raw)]
    found = MESSAGE_ID.fullmatch(str(returned[0]["Message-ID"])) if returned else None
    return found[1] if found and found[2].lower() == domain.lower() else None
