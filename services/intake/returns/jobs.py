"""Reading what came back, and telling the service that sent it: the intake is the one that faces the mail host."""

from __future__ import annotations

import hmac
import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from services.intake.returns import records
from shared.errors import ConfigurationError, OutsideError
from shared.events import MailReturned
from shared.mail.looking import mail_host_of
from shared.mail.mailbox import Mailbox
from shared.mail.outgoing import deliverable
from shared.mail.undelivered import undelivered
from shared.service import Job

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from shared.mail.mailbox_folders import Place
    from shared.propagation.register import Processor
    from shared.service import Tools

MOST = 200
"""Reports read at once, so that whoever fills a mailbox with them keeps nobody from anything."""
LOOKS_BACK = timedelta(days=7)
"""Into a folder that was never read: a server tries for five days, and then says that it gave up."""
PURPOSE = "mailbox-folders"
_log = logging.getLogger(__name__)


def read_returned(tools: Tools, now: datetime) -> None:
    """Announce the mails that came back since the last time; the reports themselves are left where they lie."""
    host = mail_host_of(tools)
    if host is None:
        return
    with tools.database.reading() as session:
        before = records.read_to(session)
    try:
        places, found = _read(tools, host, before, now)
    except (OutsideError, ConfigurationError) as error:
        _log.warning("a mailbox cannot be looked into", extra={"fields": {"processor": host.id, "because": str(error)}})
        return
    with tools.database.transaction() as session:
        events = [MailReturned(sent=mail, status=status) for mail, status in found.items()]
        if events:
            tools.outbox.publish_all(session, events, now=now)
        records.note_read(session, {folder: place for folder, place in places.items() if before.get(folder) != place})


def _read(
    tools: Tools, host: Processor, before: Mapping[str, Place], now: datetime
) -> tuple[dict[str, Place], dict[str, str]]:
    """Return up to where each folder is read now, and the status of each mail that came back."""
    domain = deliverable(tools.policy.clinic.sender).rpartition("@")[2]
    secret = tools.keys.secret(PURPOSE)
    places: dict[str, Place] = {}
    found: dict[str, str] = {}

    def digest(folder: str) -> str:
        return hmac.digest(secret, f"{host.id}\0{folder}".encode(), "sha256").hex()

    with Mailbox.of(host).opened() as folders:
        reports = folders.reports(lambda name: before.get(digest(name)), (now - LOOKS_BACK).date(), MOST)
        for name, place, content in reports:
            places[digest(name)] = place
            if content is not None and (mail := undelivered(content, domain)) is not None:
                found[mail.mail] = mail.status
    return places, found


JOBS = (Job("read mail that came back", timedelta(minutes=15), read_returned),)
