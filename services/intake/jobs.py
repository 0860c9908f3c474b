"""What the intake does by the clock."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from services.intake import records
from services.intake.actions import decide_term_end
from shared.service import Job

if TYPE_CHECKING:
    from datetime import datetime

    from shared.service import Tools

BATCH = 200


def end_terms(tools: Tools, now: datetime) -> None:
    """Decide the end of forms whose term is over; however long the jobs were away, they catch up."""
    before = now - tools.policy.term("intake.form")
    while True:
        with tools.database.transaction() as session:
            over = records.find_over(session, before, BATCH)
            for form in over:
                decide_term_end(session, tools, form, now=now)
        if len(over) < BATCH:
            return


JOBS = (Job("end the terms of contact forms", timedelta(hours=1), end_terms),)
