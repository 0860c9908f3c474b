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
SLACK = timedelta(days=3)
"""A period counted back can end up to three days before the same period counted forward: 28 and 31 February."""


def end_terms(tools: Tools, now: datetime) -> None:
    """Decide the end of forms whose term is over; however long the jobs were away, they catch up."""
    for quarantined, term in ((False, "intake.form"), (True, "intake.quarantine")):
        _end_term(tools, now, term, quarantined=quarantined)


def _end_term(tools: Tools, now: datetime, term: str, *, quarantined: bool) -> None:
    almost = now - tools.policy.term(term) + SLACK
    while True:
        with tools.database.transaction() as session:
            found = records.find_over(session, almost, BATCH, quarantined=quarantined)
            over = [form for form in found if tools.policy.term_ends(term, form.received_at) <= now]
            for form in over:
                decide_term_end(session, tools, form, now=now)
        if len(over) < BATCH:
            return


JOBS = (Job("end the terms of contact forms", timedelta(hours=1), end_terms),)
