"""Looking into the mailbox that a mail went to, before it is sent again because nobody knows whether it arrived."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from shared.errors import ConfigurationError, OutsideError, RetryableError
from shared.mail.mailbox import Mailbox
from shared.mail.outgoing import deliverable

if TYPE_CHECKING:
    from datetime import datetime

    from shared.mail.composing import ComposedMail
    from shared.propagation.register import Processor
    from shared.service import Tools

IMAP = "imap"
"""The adapter, as the register names it, of a mail host whose mailbox for forms we can look into."""
SETTLES = timedelta(minutes=5)  # from a mail server's yes until the mail lies in the mailbox
LOOKS_FOR = timedelta(hours=1)
_log = logging.getLogger(__name__)


def mail_host_of(tools: Tools) -> Processor | None:
    """Return whoever keeps the mailbox that this service's mail to the clinic goes to, if we can look into it."""
    hosts = (each for each in tools.register.of_owner(tools.name) if each.adapter == IMAP and each.status == "active")
    return next(hosts, None)


def is_there(tools: Tools, mail: ComposedMail, now: datetime) -> bool:
    """Tell whether a mail to the clinic's address for forms lies in its mailbox; False for every other address.

    Raises RetryableError while nobody can look. After an hour of that it is sent: somebody wrote to the clinic, and a
    double is better than nothing.
    """
    host = mail_host_of(tools)
    if host is None or mail.to != deliverable(tools.policy.clinic.forms):
        return False
    try:
        with Mailbox.of(host).opened() as folders:
            found = bool(folders.look([mail.id]).copies)
    except (OutsideError, ConfigurationError) as error:
        _log.warning("a mailbox cannot be looked into", extra={"fields": {"processor": host.id, "because": str(error)}})
        if now < mail.at + LOOKS_FOR:
            raise RetryableError("The mailbox it went to cannot be looked into.") from None
        return False
    if found:
        _log.info("a mail had arrived before", extra={"fields": {"service": tools.name, "mail": mail.id}})
    return found
