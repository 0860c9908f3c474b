"""A mail as an action asks for it: checked when it is made, so that a wrong one never gets into the queue."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NoReturn, get_args

from shared.errors import InvalidInputError
from shared.identity import normalise_email
from shared.wording import is_storable

if TYPE_CHECKING:
    from collections.abc import Mapping

Reason = Literal["service", "appointment", "requested", "consent", "legal"]
"""Why a person may be mailed at all (P25)."""

OURS = re.compile(
    r"(?:from|sender|to|cc|bcc|reply-to|subject|date|message-id|mime-version|auto-submitted|content-.*)", re.IGNORECASE
)
HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}")
LINE_END_OR_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")  # Unicode's categories Cc, Zl and Zp
LONGEST_LINE = 900  # octets; RFC 5322 allows 998 for a line with its name


@dataclass(frozen=True, kw_only=True)
class OutgoingMail:
    """One mail to one address, for a ``reason`` and ``about`` something that has an id (P25).

    Whatever is about a record that is erased is taken back while it is unsent. ``reply_to`` stands for the
    clinic's own contact address where answers go elsewhere. ``headers`` are further ones, such as
    List-Unsubscribe. Raises InvalidInputError for an address that is none, for a header with a line end in
    it, and for text that cannot be sent; no message repeats what it was given.
    """

    reason: Reason
    about: str
    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str | None = field(default=None, repr=False)
    reply_to: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Check everything that could harm a mail or send it astray."""
        if self.reason not in get_args(Reason):
            _refuse("reason", "A mail needs one of the reasons for which a person may be mailed.")
        if not 0 < len(self.about) <= 100:
            _refuse("about", "A mail is about something that has an id.")
        deliverable(self.to, "to")
        if self.reply_to is not None:
            deliverable(self.reply_to, "reply_to")
        _check_line(self.subject, "subject")
        for name, value in self.headers.items():
            if not HEADER.fullmatch(name) or OURS.fullmatch(name):
                _refuse("headers", "This header cannot be set.")
            _check_line(value, "headers")
        for name, text in (("text", self.text), ("html", self.html or "")):
            if not is_storable(text):
                _refuse(name, "This text holds characters that cannot be sent.")


def deliverable(address: str, field_name: str = "to") -> str:
    """Return the address to send to: as it was typed, its domain in ASCII. Raises InvalidInputError."""
    domain = normalise_email(address, field=field_name).rpartition("@")[2]
    local = unicodedata.normalize("NFC", address).strip().rpartition("@")[0]
    return f"{local}@{domain}"


def _check_line(value: str, field_name: str) -> None:
    """Refuse what could end a header early and begin another."""
    if LINE_END_OR_CONTROL.search(value) or not is_storable(value):
        _refuse(field_name, "A header has no line ends or control characters.")
    if not 0 < len(value.encode()) <= LONGEST_LINE:
        _refuse(field_name, f"A header has 1 to {LONGEST_LINE} octets.")


def _refuse(field_name: str, message: str) -> NoReturn:
    raise InvalidInputError({field_name: [message]})
