"""The mover without a broker: outbox rows are carried straight into the other services' inboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.failpoints import reach
from shared.many import among_given
from shared.messaging import inbox as inboxes
from shared.messaging.outbox import stored_event
from shared.messaging.tables import IS_WAITING, MOVED, outbox

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.clock import Clock
    from shared.database import Database
    from shared.messaging.subscriptions import Subscriptions

BATCH = 200
_WAITING = sa.select(outbox).where(IS_WAITING).order_by(outbox.c.id).limit(BATCH)
_MARKING = sa.update(outbox).where(among_given(outbox.c.id, "ids")).values(state=MOVED)


class EmbeddedMover:
    """Moves at least once: a copy left by a crash between the two commits is dropped by the inbox's key."""

    def __init__(self, databases: Mapping[str, Database], subscriptions: Subscriptions, clock: Clock) -> None:
        self._databases = databases
        self._subscriptions = subscriptions
        self._clock = clock

    def move(self, service: str) -> int:
        """Carry one batch out of the outbox of ``service``; return how many events went.

        A service that cannot take them does not keep the others from getting theirs; nothing is marked then.
        """
        database = self._databases[service]
        with database.asking() as session:
            rows = session.connection().execute(_WAITING).mappings().all()
        if not rows:
            return 0
        reach("mover.taken")
        failed: Exception | None = None
        for target, other in self._databases.items():
            wanted = [stored_event(row) for row in rows if self._subscriptions.wants(target, row["type"])]
            if not wanted:
                continue
            try:
                with other.transaction() as session:
                    inboxes.store(session, wanted, now=self._clock())
                reach("mover.stored")
            except Exception as error:  # noqa: BLE001 - raised when everybody had their turn
                failed = error
        if failed is not None:
            raise failed
        reach("mover.unmarked")
        with database.transaction() as session:
            moved = {"ids": [row["id"] for row in rows], "moved_at": self._clock()}
            session.connection().execute(_MARKING, moved)
        return len(rows)
