"""Mail to people: sealed until it is sent, over TLS or into a folder, and why it may be sent at all."""

from __future__ import annotations

from shared.mail.folder import MailFolder, StoredMail
from shared.mail.mailer import Mailer
from shared.mail.outgoing import OutgoingMail, Reason
from shared.mail.sending import send_due
from shared.mail.states import MailState, states_of
from shared.mail.tables import outgoing_mails

__all__ = [
    "MailFolder",
    "MailState",
    "Mailer",
    "OutgoingMail",
    "Reason",
    "StoredMail",
    "outgoing_mails",
    "send_due",
    "states_of",
]
