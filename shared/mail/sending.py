"""Sending what waits: outside any transaction, again until it is taken, and in effect once.

A mail is claimed by moving its next attempt ahead, handed over, and marked as sent. Should the connection
break between the server's last word and our mark, nobody knows whether it was taken; nor of what waits in a backup
that was put back. Where it went to a mailbox that we can look into, we look first (``looking``). Anywhere else it is
sent again with the same Message-ID, by which most mailboxes recognise a double. That is at least once, never less.
"""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from shared.backoff import pause
from shared.errors import IntegrityError, KeyDestroyedError, PermanentError, RetryableError
from shared.mail.looking import SETTLES, is_there, mail_host_of
from shared.mail.tables import PARKED, SENT, WAITING, WITHDRAWN, outgoing_mails
from shared.mail.transports import UnknownOutcomeError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.mail.transports import Deliver
    from shared.service import Tools

    Row = Mapping[str, Any]

LEASE = timedelta(minutes=10)  # longer than the time-outs of one mail together
AT_A_TIME = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(minutes=10)
GIVES_UP_AFTER = timedelta(days=3)
_log = logging.getLogger(__name__)


def send_due(tools: Tools, now: datetime) -> bool:
    """Send the mails that are due, for about a minute at most; return whether there were any.

    A mail the server refuses for good, or has not taken for three days, is set aside with the reason.
    """
    row = _claim(tools, now)
    if row is None:
        return False
    stop = time.monotonic() + AT_A_TIME.total_seconds()
    try:
        with tools.mail.transport.connected() as deliver:
            while row is not None:
                _send(tools, deliver, row, now)
                row = _claim(tools, now) if time.monotonic() < stop else None
    except RetryableError as error:
        if row is not None:
            _wait_all(tools, row, error, now)
    return True


def doubt(session: Session) -> None:
    """Note of every unsent mail that it may have been sent after all: a backup was put back, and that mark is lost."""
    unsent = outgoing_mails.c.state.in_([WAITING, PARKED])
    session.execute(sa.update(outgoing_mails).where(unsent).values(perhaps_sent=True))


def _claim(tools: Tools, now: datetime) -> Row | None:
    due = sa.and_(outgoing_mails.c.state == WAITING, outgoing_mails.c.next_attempt_at <= now)
    query = sa.select(outgoing_mails).where(due).order_by(outgoing_mails.c.next_attempt_at).limit(1)
    with tools.database.asking() as session:
        if session.execute(query.with_only_columns(outgoing_mails.c.id)).first() is None:
            return None
    with tools.database.transaction() as session:
        row = session.execute(query.with_for_update(skip_locked=True)).mappings().first()
        if row is None:
            return None
        claim = {"attempts": row["attempts"] + 1, "next_attempt_at": now + LEASE}
        claimed = sa.update(outgoing_mails).where(outgoing_mails.c.id == row["id"])
        session.execute(claimed.values(**claim, perhaps_sent=True))
        return {**row, **claim}  # with ``perhaps_sent`` as it was before


def _send(tools: Tools, deliver: Deliver, row: Row, now: datetime) -> None:
    try:
        mail = tools.mail.open(row)
        if not (row["perhaps_sent"] and is_there(tools, mail, now)):
            deliver(mail)
    except KeyDestroyedError:
        _finish(tools, row, state=WITHDRAWN, sealed=None, key_id=None)
    except (PermanentError, IntegrityError) as error:
        _park(tools, row, error.detail, perhaps_sent=row["perhaps_sent"])
    except RetryableError as error:
        _wait(tools, row, error, now)
    else:
        _finish(tools, row, state=SENT, sent_at=now, sealed=None, key_id=None, problem=None)


def _wait(tools: Tools, row: Row, error: RetryableError, now: datetime) -> None:
    """Try later; what was perhaps sent by an earlier attempt stays so, whatever a later one came to."""
    perhaps_sent = row["perhaps_sent"] or isinstance(error, UnknownOutcomeError)
    if row["created_at"] <= now - GIVES_UP_AFTER:
        _park(tools, row, error.detail, perhaps_sent=perhaps_sent)
        return
    wait = pause(row["attempts"], LONGEST_PAUSE)
    if perhaps_sent and mail_host_of(tools) is not None:
        wait = max(wait, SETTLES)
    _finish(tools, row, next_attempt_at=now + wait, problem=error.detail[:100], perhaps_sent=perhaps_sent)


def _wait_all(tools: Tools, row: Row, error: RetryableError, now: datetime) -> None:
    """Without a connection no mail can go: all that are due wait together, so that each does not try by itself."""
    _wait(tools, row, error, now)
    due = sa.and_(outgoing_mails.c.state == WAITING, outgoing_mails.c.next_attempt_at <= now)
    later = now + pause(row["attempts"], LONGEST_PAUSE)
    with tools.database.transaction() as session:
        session.execute(sa.update(outgoing_mails).where(due).values(next_attempt_at=later))
    _log.warning("mail cannot be sent", extra={"fields": {"service": tools.name, "because": error.detail}})


def _park(tools: Tools, row: Row, problem: str, *, perhaps_sent: bool) -> None:
    _finish(tools, row, state=PARKED, problem=problem[:100], perhaps_sent=perhaps_sent)
    _log.error(
        "a mail was set aside", extra={"fields": {"service": tools.name, "mail": row["mail"], "because": problem}}
    )


def _finish(tools: Tools, row: Row, **values: Any) -> None:
    """Record how an attempt ended, unless the mail was taken back meanwhile; with its content goes its key."""
    with tools.database.transaction() as session:
        ours = sa.and_(outgoing_mails.c.id == row["id"], outgoing_mails.c.state == WAITING)
        session.execute(sa.update(outgoing_mails).where(ours).values(**values))
        if "key_id" in values:
            tools.vault.destroy_after_commit(session, [row["key_id"]])
