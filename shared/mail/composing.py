"""From a mail's parts to the exact bytes that are sent: one Message-ID for all attempts, and marked in a trial."""

from __future__ import annotations

import email.policy
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from typing import TYPE_CHECKING

from shared.mail.outgoing import deliverable

if TYPE_CHECKING:
    from datetime import datetime

    from shared.mail.outgoing import OutgoingMail
    from shared.policy.parts import Clinic

MARK = "PROEFOMGEVING"
NOTICE = f"{MARK}: dit bericht komt van een proefsysteem. / This message comes from a trial system."
# Lines of up to 998 octets: the default of 78 would break up the address in a List-Unsubscribe header.
LINES = email.policy.SMTP.clone(max_line_length=998)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedMail:
    """A mail ready to go; ``international`` tells that its address needs SMTPUTF8 (RFC 6531)."""

    id: str
    at: datetime
    sender: str
    to: str = field(repr=False)
    content: bytes = field(repr=False)
    international: bool


def compose(mail: OutgoingMail, *, mail_id: str, at: datetime, clinic: Clinic, trial: bool) -> ComposedMail:
    """Return the mail's bytes; the same arguments always give the same Message-ID and Date."""
    to = deliverable(mail.to)
    reply_to = deliverable(mail.reply_to or clinic.contact)
    sender = deliverable(clinic.sender)
    message = EmailMessage(policy=LINES)
    message["From"] = _address(sender, clinic.name)
    message["To"] = _address(to)
    message["Reply-To"] = _address(reply_to)
    message["Subject"] = f"[{MARK}] {mail.subject}" if trial else mail.subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = f"<{mail_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    for name, value in mail.headers.items():
        message[name] = value
    message.set_content(f"{NOTICE}\n\n{mail.text}" if trial else mail.text, cte="quoted-printable")
    if mail.html is not None:
        html = f"<p>{escape(NOTICE)}</p>\n{mail.html}" if trial else mail.html
        message.add_alternative(html, subtype="html", cte="quoted-printable")
    international = not (to + reply_to + sender).isascii()
    content = message.as_bytes(policy=LINES.clone(utf8=international))
    return ComposedMail(id=mail_id, at=at, sender=sender, to=to, content=content, international=international)


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(display_name=name, username=local, domain=domain)
