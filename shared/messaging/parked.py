"""What could not be done and waits for a person: events, obligations and mails set aside, shown and tried again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa

from shared.database import wake_after
from shared.errors import NotFoundError
from shared.mail.tables import outgoing_mails
from shared.messaging.tables import PARKED, WAITING, inbox, outbox
from shared.propagation.tables import OPEN, obligations

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.bell import Work

TABLES = {
    "inbox": (inbox, inbox.c.type, WAITING),
    "outbox": (outbox, outbox.c.type, WAITING),
    "obligation": (obligations, obligations.c.kind, OPEN),
    "mail": (outgoing_mails, outgoing_mails.c.reason, WAITING),
}


@dataclass(frozen=True, slots=True)
class ParkedRow:
    """A row set aside: its table and number, what it is about, why, and how often it was tried."""

    place: str
    number: int
    about: str
    problem: str
    attempts: int


def parked(session: Session) -> Sequence[ParkedRow]:
    """List everything that is set aside in one service's database."""
    rows: list[ParkedRow] = []
    for place, (table, about, _) in TABLES.items():
        query = sa.select(table.c.id, about, table.c.problem, table.c.attempts).where(table.c.state == PARKED)
        rows += [ParkedRow(place, *row) for row in session.execute(query.order_by(table.c.id))]
    return rows


def show(session: Session, place: str, number: int) -> dict[str, object]:
    """Return a parked row without what is sealed in it. Raises NotFoundError."""
    table = _table(place)
    row = session.execute(sa.select(table).where(table.c.id == number, table.c.state == PARKED)).mappings().first()
    if row is None:
        raise NotFoundError(f"Nothing is parked as {place} {number}.")
    return {name: value for name, value in row.items() if name != "sealed" and value is not None}


def retry(session: Session, place: str, number: int, now: datetime) -> None:
    """Have a parked row tried again as if for the first time. Raises NotFoundError."""
    show(session, place, number)
    table, _, again = TABLES[place]
    session.execute(sa.update(table).where(table.c.id == number).values(state=again, attempts=0, next_attempt_at=now))
    wake_after(session, cast("Work", place))


def _table(place: str) -> sa.Table:
    if place not in TABLES:
        raise NotFoundError(f"There is no {place}: say inbox, outbox, obligation or mail.")
    return TABLES[place][0]
