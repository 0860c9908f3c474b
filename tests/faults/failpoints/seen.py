"""What can be seen of the clinic: rows, keys, receipts and what the processors did."""

from __future__ import annotations

import subprocess
from collections import Counter
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from shared.messaging import envelope as envelopes
from shared.propagation.tables import issued_decisions, receipts, transfers
from shared.vault import Sealed
from shared.vault.tables import data_keys
from tests.faults.failpoints.story import ANNA, ERASURE_ID

if TYPE_CHECKING:
    from collections.abc import Collection

    from shared.events import ReceiptIssued
    from shared.service import Tools
    from tests.faults.failpoints.story import Story

UNSUBSCRIBE = "discreet.decision.unsubscribe.v1"


def decision_of(story: Story, act: str) -> str | None:
    """The decision that an act took, in the service that took it."""
    query = sa.select(issued_decisions.c.decision)
    if act == "erase":
        tools, query = story.requests, query.where(issued_decisions.c.decision == ERASURE_ID)
    else:
        tools, query = story.newsletter, query.where(issued_decisions.c.type == UNSUBSCRIBE)
    with tools.database.reading() as session:
        return session.scalars(query).one_or_none()


def orders_of(story: Story, processor: str, action: str) -> Counter[str]:
    """How often each order about Anna was carried out."""
    lines = story.book.lines(processor=processor, action=action, email=ANNA, said="done")
    return Counter(line["order"] for line in lines)


def held(story: Story, service: str) -> list[object]:
    """What a service still has of Anna."""
    return [*{"intake": story.forms, "newsletter": story.subscriptions}[service](ANNA)]


def everything_of(story: Story, email: str) -> dict[str, Any]:
    """Rows and content of one person by record, and who was given each."""
    found: dict[str, Any] = {}
    for tools, rows in ((story.intake, story.forms(email)), (story.newsletter, story.subscriptions(email))):
        for row in rows:
            columns = {column.key: getattr(row, column.key) for column in sa.inspect(type(row)).columns}
            with tools.database.reading() as session:
                given = session.execute(sa.select(transfers).where(transfers.c.record == row.id)).all()
            found[row.id] = (columns, tools.vault.open(row.id, Sealed(row.key_id, row.sealed)), given)
    return found


def keys_of_anna(story: Story, tools: Tools) -> set[str]:
    """The live keys of everything in one service that is about a record of hers, mails that wait included."""
    rows = [*story.forms(ANNA), *story.subscriptions(ANNA)]
    about = sa.text("SELECT key_id FROM outgoing_mails WHERE about IN :ids").bindparams(
        sa.bindparam("ids", [row.id for row in rows], expanding=True)
    )
    with tools.database.reading() as session:
        return ({row.key_id for row in rows} | {*session.scalars(about)}) & live_keys(tools)


def live_keys(tools: Tools) -> set[str]:
    """The keys in a service's key database that were not destroyed."""
    with tools.key_database.reading() as session:
        return set(session.scalars(sa.select(data_keys.c.key_id).where(data_keys.c.destroyed_at.is_(None))))


def wrapped(tools: Tools, keys: Collection[str]) -> list[bytes]:
    """The bytes of these keys as the key database has them."""
    with tools.key_database.reading() as session:
        return list(session.scalars(sa.select(data_keys.c.wrapped).where(data_keys.c.key_id.in_(keys))))


def pages_of_keys(tools: Tools) -> bytes:
    """Every page of the key database on SQLite and of its log, as they lie on the disk."""
    file = tools.key_database.file
    if file is None:
        return b""
    # From another process: to close the file in this one would let go of SQLite's own locks on it.
    return subprocess.run(["cat", file, f"{file}-wal"], capture_output=True, check=False).stdout


def receipts_of(tools: Tools) -> list[ReceiptIssued]:
    """What a service has said."""
    with tools.database.reading() as session:
        bodies = session.scalars(sa.select(receipts.c.body)).all()
    return [envelopes.read_event(envelopes.read(body)) for body in bodies]  # type: ignore[misc]
