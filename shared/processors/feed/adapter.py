"""The adapter: puts a decision in a tool's feed, and turns what the tool answered into an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.clock import utc_text
from shared.database import lock_subject
from shared.errors import PermanentError
from shared.processors.feed.tables import feed_tasks
from shared.processors.interface import Pending, evidence_of
from shared.processors.stated import outcome_of

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.engine import RowMapping
    from sqlalchemy.orm import Session

    from shared.processors.interface import Evidence, Outcome, ProcessorTask
    from shared.propagation.register import Processor
    from shared.service import Tools

LOOK_AGAIN = timedelta(days=1)
"""The net under the wake-up that an answer gives."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One tool that reads its feed; needs no settings."""

    tools: Tools
    processor: Processor

    def carry_out(self, task: ProcessorTask) -> Outcome:
        """Put the decision in the feed, once, or tell what the tool answered.

        Raises PermanentError for what is no decision: a feed gives no data.
        """
        if not task.decision_id:
            raise PermanentError("A feed holds decisions only.")
        now = self.tools.clock()
        with self.tools.database.transaction() as session:
            row = find(session, task.decision_id, self.processor.id)
            if row is None:
                self._put(session, task, now)
            elif row["answered_at"] is not None:
                return outcome_of(row, _evidence(row))
        return Pending(check_at=now + LOOK_AGAIN)

    def _put(self, session: Session, task: ProcessorTask, now: datetime) -> None:
        # Numbers are drawn under a lock: who reads on from a number must not miss a lower one that commits later.
        lock_subject(session, [f"feed {self.processor.id}"])
        row = {
            "decision": task.decision_id,
            "processor": self.processor.id,
            "action": task.action,
            "records": {category: list(identifiers) for category, identifiers in task.records.items()},
            "asked_at": now,
            "due_at": task.due_at,
            "counts": {},
        }
        session.execute(sa.insert(feed_tasks), [row])


def find(session: Session, decision: str, processor: str, *, lock: bool = False) -> RowMapping | None:
    """Return what a decision asks of a tool, if anything."""
    query = sa.select(feed_tasks).where(feed_tasks.c.decision == decision, feed_tasks.c.processor == processor)
    return session.execute(query.with_for_update() if lock else query).mappings().first()


def _evidence(row: RowMapping) -> Evidence:
    """Return what is known: a program of the clinic's own said it of its own copy, and nobody looked again.

    So the grade is ``api-confirmed``, as for every system that confirms over its interface; a ``statement`` is a
    person's.
    """
    seen = {
        "processor": row["processor"],
        "decision": row["decision"],
        "action": row["action"],
        "records": row["records"],
        "outcome": row["outcome"],
        "ground": row["ground"],
        "until": row["until"] and row["until"].isoformat(),
        "answered_at": utc_text(row["answered_at"]),
    }
    return evidence_of("api-confirmed", seen, row["counts"])
