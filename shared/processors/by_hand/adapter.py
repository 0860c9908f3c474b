"""The adapter: asks a person once, reminds, and turns what was stated into an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.clock import utc_text
from shared.errors import PermanentError
from shared.processors.by_hand.asking import ask, remind
from shared.processors.by_hand.tables import ANSWERED, OPEN, by_hand_tasks
from shared.processors.interface import Pending, evidence_of
from shared.processors.stated import outcome_of

if TYPE_CHECKING:
    from shared.processors.by_hand.links import Row
    from shared.processors.interface import Evidence, Outcome, ProcessorTask
    from shared.propagation.register import Processor
    from shared.service import Tools

LOOK_AGAIN = timedelta(days=1)
"""The net under the wake-up that an answer gives."""


@dataclass(frozen=True, slots=True)
class ByHand:
    """One processor whose contact does by hand what is asked; needs no settings."""

    tools: Tools
    processor: Processor

    def carry_out(self, task: ProcessorTask) -> Outcome:
        """Open the task, remind of it, or tell what was stated.

        Raises PermanentError for a task that was withdrawn, or that has nothing to recognise the person by.
        """
        now = self.tools.clock()
        with self.tools.database.transaction() as session:
            query = sa.select(by_hand_tasks).where(by_hand_tasks.c.idempotency_key == task.idempotency_key)
            row = session.execute(query.with_for_update()).mappings().first()
            if row is None:
                remind_at = ask(session, self.tools, self.processor, task, now=now)
            elif row["state"] == ANSWERED:
                return outcome_of(row, _evidence(row))
            elif row["state"] != OPEN:
                raise PermanentError("The task was withdrawn.")
            elif row["remind_at"] <= now:
                remind_at = remind(session, self.tools, self.processor, row, now=now)
            else:
                remind_at = row["remind_at"]
        return Pending(check_at=min(remind_at, now + LOOK_AGAIN))


def _evidence(row: Row) -> Evidence:
    """Return what is known: that somebody stated it. Their name and words are in it as a digest only."""
    return evidence_of(
        "statement",
        {
            "task": row["id"],
            "processor": row["processor"],
            "action": row["action"],
            "outcome": row["outcome"],
            "ground": row["ground"],
            "until": row["until"] and row["until"].isoformat(),
            "stated_at": utc_text(row["closed_at"]),
            "statement_sha256": row["statement_digest"],
        },
    )
