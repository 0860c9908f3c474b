"""What happens to incidents by the clock: a reminder a day before it is too late, and the end of their terms."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from services.requests.incidents import actions, letters, records
from services.requests.incidents.rules import REMIND_BEFORE
from shared.service import Job

if TYPE_CHECKING:
    from datetime import datetime

    from shared.service import Tools

BATCH = 200


def remind(tools: Tools, now: datetime) -> None:
    """Remind of open incidents whose 72 hours are nearly over, each once; also of what a robot may have sent."""
    with tools.database.transaction() as session:
        waiting = records.find_to_remind(session, now + REMIND_BEFORE)
        for incident in waiting:
            incident.reminded_at = now
        for mail in letters.reminders(tools, waiting) if waiting else ():
            tools.mail.queue(session, mail, now=now)


def end_terms(tools: Tools, now: datetime) -> None:
    """Decide the end of reports whose incident was closed long enough ago, and forget incidents after their own."""
    with tools.database.transaction() as session:
        over = records.find_over(session, now - tools.policy.term("intake.security-report"), BATCH, decided=False)
        if over:
            actions.end_reports(session, tools, over, now=now)
    with tools.database.transaction() as session:
        over = records.find_over(session, now - tools.policy.term("requests.breach"), BATCH, decided=True)
        actions.forget(session, tools, over)


JOBS = (
    Job("remind of open incidents", timedelta(hours=1), remind),
    Job("end the terms of incidents", timedelta(days=1), end_terms),
)
