"""The links that open a task: random, kept as digests only, good until the task is answered or their time is over."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from shared.errors import GoneError, NotFoundError
from shared.processors.by_hand.tables import ANSWERED, WITHDRAWN, by_hand_links, by_hand_tasks
from shared.wording import Both

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

Row = Mapping[Any, Any]
"""A task as it is stored."""

LASTS = timedelta(days=21)
TOKEN_OCTETS = 32
USED = Both("Deze taak is al beantwoord.", "This task has been answered already.")
REVOKED = Both("Deze taak is niet meer nodig.", "This task is no longer needed.")
EXPIRED = Both(
    "Deze link is verlopen. Gebruik die in de laatste herinnering.",
    "This link has expired. Use the one in the latest reminder.",
)


def new_link(session: Session, task_id: str, expires_at: datetime) -> str:
    """Return the token of a new link to a task."""
    token = secrets.token_urlsafe(TOKEN_OCTETS)
    session.execute(sa.insert(by_hand_links), [{"digest": _digest(token), "task": task_id, "expires_at": expires_at}])
    return token


def find(session: Session, token: str, now: datetime) -> Row:
    """Return the task that a link opens.

    Raises NotFoundError for a link that never was, GoneError for one that is used, withdrawn or expired.
    """
    row = linked(session, token)
    if row["state"] == ANSWERED:
        raise GoneError(USED)
    check_open(row, now)
    return row


def linked(session: Session, token: str, *, lock: bool = False) -> Row:
    """Return the task a link belongs to, whatever its state. Raises NotFoundError."""
    query = (
        sa.select(by_hand_tasks, by_hand_links.c.expires_at)
        .join(by_hand_links, by_hand_links.c.task == by_hand_tasks.c.id)
        .where(by_hand_links.c.digest == _digest(token))
    )
    row = session.execute(query.with_for_update(of=by_hand_tasks) if lock else query).mappings().first()
    if row is None:
        raise NotFoundError
    return row


def check_open(row: Row, now: datetime) -> None:
    """Raise GoneError for a task that was withdrawn and a link that has expired."""
    if row["state"] == WITHDRAWN:
        raise GoneError(REVOKED)
    if row["expires_at"] <= now:
        raise GoneError(EXPIRED)


def _digest(token: str) -> str:
    """A random token of 256 bits needs no key and no salt."""
    return hashlib.sha256(token.encode()).hexdigest()
