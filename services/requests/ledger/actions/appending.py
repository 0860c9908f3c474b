"""The chain grows: events are put on it in one order for all, under the lock on its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.requests.ledger.records import entries, heads
from shared.database import insert_all, insert_once
from shared.failpoints import reach
from shared.propagation import chain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery

_HEAD = sa.select(heads.c.seq, heads.c.hash).where(heads.c.id == 1).with_for_update()
_MOVING = sa.update(heads).where(heads.c.id == 1)


def append(session: Session, new: Sequence[tuple[Delivery, str, str]]) -> list[int]:
    """Put events on the chain in this order, each of its family and about its decision; return their numbers."""
    connection = session.connection()
    head = connection.execute(_HEAD).one_or_none()
    if head is None:
        insert_once(session, heads, [{"id": 1, "seq": 0, "hash": chain.GENESIS}])
        head = connection.execute(_HEAD).one()
    last, rows = head.hash, []
    for seq, (delivery, family, decision) in enumerate(new, start=head.seq + 1):
        stored = delivery.stored
        digest = chain.entry_digest(
            seq=seq, recorded_at=delivery.now, body=stored.body, signature=stored.signature, key_id=stored.key_id
        )
        last = chain.link(last, digest)
        rows.append(
            {
                "seq": seq,
                "family": family,
                "decision": decision,
                "source": delivery.envelope.source,
                "event_id": delivery.envelope.id,
                "type": stored.type,
                "body": stored.body,
                "signature": stored.signature,
                "key_id": stored.key_id,
                "recorded_at": delivery.now,
                "entry_digest": digest,
                "hash": last,
            }
        )
    insert_all(session, entries, rows)
    connection.execute(_MOVING, {"seq": head.seq + len(rows), "hash": last})
    reach("ledger.appended")
    return [head.seq + number for number, _ in enumerate(rows, start=1)]
