"""The end of catching up: what was answered before, keys destroyed again, and what cannot be read any more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.database import Base
from shared.events import ANSWER_CLOSED, TERMINAL
from shared.messaging.tables import PARKED as SET_ASIDE
from shared.messaging.tables import WAITING, inbox
from shared.processors import by_hand, feed
from shared.propagation import transfers
from shared.propagation.own_store import ERASING
from shared.propagation.tables import ASKED, CLAIMED, FINISHED, OPEN, PARKED, obligations, receipts
from shared.restore.log import DECISIONS
from shared.vault import keys_in_use
from shared.vault.tables import DATA_KEY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from sqlalchemy.engine import RowMapping
    from sqlalchemy.orm import Session

    from shared.service import Service, Tools

CHUNK = 500
HOPELESS = ("ForgedEventError", "UnreadableEventError", "UnknownEventError")
"""Events that no attempt would ever apply; they were set aside at once, for a person to look at."""


def is_applied(session: Session, after: int) -> bool:
    """Tell whether every decision that was gathered is applied; ``after`` is the last row of before."""
    logged = sa.or_(DECISIONS, inbox.c.type == ANSWER_CLOSED)
    failing = sa.and_(inbox.c.state == SET_ASIDE, inbox.c.id > after, inbox.c.problem.not_in(HOPELESS))
    return _none(session, inbox, sa.and_(logged, sa.or_(inbox.c.state == WAITING, failing)))


def is_carried_out(session: Session, after: int) -> bool:
    """Tell whether our own store is through with every decision; ``after`` is the last obligation of before."""
    failing = sa.and_(obligations.c.state == PARKED, obligations.c.id > after)
    unfinished = sa.or_(obligations.c.state.in_([OPEN, CLAIMED]), failing)
    return _none(
        session, obligations, sa.and_(obligations.c.processor == "", obligations.c.kind != "inquiry", unfinished)
    )


def settle_answered(tools: Tools, now: datetime) -> int:
    """Finish what a processor answered before the backup was put back; return how many such there were.

    It is not asked again: the ledger has its answer, and to ask would be to tell it of that person once more.
    """
    settled = 0
    with tools.database.transaction() as session:
        for row in _unfinished(session):
            answer = _answer(session, row)
            if answer is None:
                continue
            settled += 1
            values = {"state": FINISHED, "receipt_event_id": answer["event_id"], "finished_at": now, "problem": None}
            session.execute(
                sa.update(obligations).where(obligations.c.id == row["id"]).values(sealed=None, key_id=None, **values)
            )
            if row["kind"] in ERASING and answer["outcome"] in ("done", "nothing-held"):
                transfers.end(session, row["processor"], _flat(row), now=now)
            by_hand.withdraw(session, tools, row["decision"], row["processor"], now=now)
            feed.close(session, row["decision"], row["processor"], now=now)
            tools.vault.destroy_after_commit(session, [row["key_id"]] if row["key_id"] else [])
    return settled


def destroy_again(service: Service, tools: Tools, keys_before: datetime, now: datetime) -> int:
    """Destroy the keys that a backup of the key database brought back; return how many could open something.

    Those that an obligation of our own store destroyed are named there. Of the others, those are destroyed that
    no record refers to and no process can have in hand; the backup itself still has them.
    """
    destroyed = 0
    with tools.database.reading() as session:
        named = [list(keys) for keys in _destroyed_keys(session)]
    for keys in named:
        destroyed += tools.vault.destroy(keys)

    def used(key_ids: Collection[str]) -> Collection[str]:
        with tools.database.reading() as session:
            return keys_in_use(session, (Base.metadata, service.metadata), key_ids)

    return destroyed + tools.vault.sweep_unused(used, now - keys_before)


def count_unreadable(service: Service, tools: Tools) -> int:
    """Count the sealed things whose key is gone: of what was erased, and of what is newer than the backup of keys."""
    unreadable = 0
    for metadata in (Base.metadata, service.metadata):
        for table in metadata.sorted_tables:
            for column in table.columns:
                if DATA_KEY.items() <= column.info.items():
                    unreadable += _unreadable(tools, column)
    return unreadable


def _unreadable(tools: Tools, column: sa.Column[str]) -> int:
    unreadable, last = 0, ""
    while True:
        with tools.database.reading() as session:
            query = sa.select(column).where(column > last).order_by(column).distinct().limit(CHUNK)
            some = list(session.scalars(query))
        if not some:
            return unreadable
        unreadable += len(set(some) - tools.vault.surviving(some))
        last = some[-1]


def _unfinished(session: Session) -> list[RowMapping]:
    waiting = sa.and_(
        obligations.c.processor != "",
        obligations.c.decision.is_not(None),
        obligations.c.state.in_([OPEN, CLAIMED, ASKED, PARKED]),
    )
    return list(session.execute(sa.select(obligations).where(waiting).with_for_update()).mappings())


def _answer(session: Session, row: RowMapping) -> RowMapping | None:
    known = sa.and_(
        receipts.c.decision == row["decision"],
        receipts.c.processor == row["processor"],
        receipts.c.action == row["action"],
        receipts.c.outcome.in_(TERMINAL),
    )
    query = sa.select(receipts.c.event_id, receipts.c.outcome).where(known).order_by(receipts.c.issued_at.desc())
    return session.execute(query.limit(1)).mappings().first()


def _destroyed_keys(session: Session) -> Iterator[list[str]]:
    own = sa.and_(obligations.c.processor == "", obligations.c.kind.in_(ERASING), obligations.c.state == FINISHED)
    for progress in session.scalars(sa.select(obligations.c.progress).where(own)):
        if progress.get("keys"):
            yield progress["keys"]


def _flat(row: RowMapping) -> list[str]:
    kept = [part["id"] for part in row["progress"].get("retained", ())]
    return [each for identifiers in row["records"].values() for each in identifiers if each not in kept]


def _none(session: Session, table: sa.Table, condition: sa.ColumnElement[bool]) -> bool:
    return session.scalar(sa.select(table.c.id).where(condition).limit(1)) is None
