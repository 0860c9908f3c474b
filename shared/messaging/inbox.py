"""The inbox: every delivery is stored before it is acknowledged, and once, however often it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.database import insert, insert_all, insert_once, wake_after
from shared.failpoints import reach
from shared.messaging import envelope as envelopes
from shared.messaging.envelope import UnreadableEventError
from shared.messaging.tables import APPLIED, PARKED, WAITING, inbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
    from sqlalchemy.orm import Session

    from shared.messaging.outbox import StoredEvent
    from shared.vault import Sealed

UNREADABLE = "unreadable"


def store(session: Session, deliveries: Sequence[StoredEvent], *, now: datetime) -> None:
    """Store deliveries for the applier; a second copy of a fact or a receipt changes nothing.

    A decision that was applied before is applied again, because whoever says it again did not get the
    answer: the stored receipts are sent once more. What cannot be read is kept, parked, under its digest.
    """
    if not deliveries:
        return
    rows: dict[tuple[object, object], dict[str, object]] = {}
    for row in (_row(event, now) for event in deliveries):
        rows.setdefault((row["source"], row["event_id"]), row)  # one statement may meet no row twice
    insert(session, inbox, list(rows.values()), _or_again)
    reach("inbox.stored")
    wake_after(session, "inbox")


def _or_again(inserting: SqliteInsert | PostgresqlInsert) -> sa.Insert:
    repeated = sa.and_(inbox.c.state == APPLIED, inbox.c.type.like("discreet.decision.%"))
    again = {"state": WAITING, "attempts": 0, "next_attempt_at": sa.literal_column("excluded.next_attempt_at")}
    return inserting.on_conflict_do_update(index_elements=["source", "event_id"], set_=again, where=repeated)


def store_new(session: Session, deliveries: Sequence[StoredEvent], *, now: datetime) -> int:
    """Store those that never came before, and return how many they were; what is known is not applied again."""
    stored = insert_once(session, inbox, [_row(event, now) for event in deliveries])
    if stored:
        wake_after(session, "inbox")
    return stored


def keep(session: Session, event: StoredEvent, sealed: Sealed, *, now: datetime) -> None:
    """Store an event of this service's own for its own applier, with what somebody outside said, sealed beside it.

    So a call from outside can be answered once it is on the disk, and acted on with many others. The event itself
    carries no more than any other; its handler opens what is sealed, and destroys the key with its commit.
    """
    row = {**_row(event, now), "sealed": sealed.ciphertext, "sealed_key": sealed.key_id}
    insert_all(session, inbox, [row])
    wake_after(session, "inbox")


def keeps_any(session: Session) -> bool:
    """Tell whether something that somebody outside said has yet to be acted on, or was set aside."""
    return session.scalar(sa.select(inbox.c.id).where(inbox.c.sealed_key.is_not(None)).limit(1)) is not None


def _row(event: StoredEvent, now: datetime) -> dict[str, object]:
    row: dict[str, object] = {
        "source": UNREADABLE,
        "event_id": envelopes.digest(event.body),
        "type": _fitting(event.type, 100),
        "body": event.body.replace("\0", "\\0"),  # which PostgreSQL cannot hold, and no readable event has
        "signature": _fitting(event.signature, 100),
        "key_id": _fitting(event.key_id, 40),
        "state": PARKED,
        "attempts": 0,
        "next_attempt_at": now,
        "received_at": now,
        "problem": "UnreadableEventError",
    }
    try:
        envelope = envelopes.read(event.body)
    except UnreadableEventError:
        return row
    return row | {
        "source": envelope.source,
        "event_id": envelope.id,
        "type": envelope.type,
        "state": WAITING,
        "problem": None,
    }


def _fitting(text: str, length: int) -> str:
    """Cut what came beside an event to what can be stored; PostgreSQL has no NUL."""
    return text.replace("\0", "?")[:length]
