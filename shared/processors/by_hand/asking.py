"""Asking: a task is opened, reminded of, and withdrawn when it is no longer needed."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.deadlines import add_period, local_date
from shared.errors import PermanentError
from shared.processors.by_hand import links
from shared.processors.by_hand.tables import OPEN, WITHDRAWN, by_hand_tasks
from shared.processors.by_hand.words import task_mail

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.processors.by_hand.links import Row
    from shared.processors.interface import ProcessorTask
    from shared.propagation.register import Processor
    from shared.service import Tools

REMIND_EVERY = timedelta(days=5)


def ask(session: Session, tools: Tools, processor: Processor, task: ProcessorTask, *, now: datetime) -> datetime:
    """Open a task and mail its contact a link; return when to remind. Raises PermanentError without a person."""
    subject = {name: value for name, value in asdict(task.subject).items() if value}
    if not subject and not task.labels:
        raise PermanentError("The task has nothing to recognise the person by.")
    task_id = str(uuid.uuid4())
    content = {
        "subject": subject | ({"labels": task.labels} if task.labels else {}),
        "corrected": dict(task.corrected),
        "stays": [asdict(each) for each in task.stays],
    }
    sealed = tools.vault.seal(task_id, content, field="subject")
    row = {
        "id": task_id,
        "idempotency_key": task.idempotency_key,
        "decision": task.decision_id,
        "processor": processor.id,
        "action": task.action,
        "categories": list(task.categories),
        "state": OPEN,
        "asked_at": now,
        "due_at": add_period(now, processor.answer_within.length),
        "remind_at": now + REMIND_EVERY,
        "subject": sealed.ciphertext,
        "subject_key_id": sealed.key_id,
    }
    session.execute(sa.insert(by_hand_tasks), [row])
    _send_link(session, tools, processor, row, again=False, now=now)
    return now + REMIND_EVERY


def remind(session: Session, tools: Tools, processor: Processor, row: Row, *, now: datetime) -> datetime:
    """Mail a new link; earlier ones stay good until they expire. Return when to remind again."""
    remind_at = now + REMIND_EVERY
    session.execute(sa.update(by_hand_tasks).where(by_hand_tasks.c.id == row["id"]).values(remind_at=remind_at))
    _send_link(session, tools, processor, row, again=True, now=now)
    return remind_at


def withdraw(session: Session, tools: Tools, decision: str, processor: str, *, now: datetime) -> int:
    """Withdraw the open tasks of a processor for a decision; their links are gone. Return how many there were."""
    wanted = sa.and_(
        by_hand_tasks.c.decision == decision, by_hand_tasks.c.processor == processor, by_hand_tasks.c.state == OPEN
    )
    rows = session.execute(sa.select(by_hand_tasks).where(wanted).with_for_update()).mappings().all()
    for row in rows:
        values = {"state": WITHDRAWN, "closed_at": now, "subject": None, "subject_key_id": None}
        session.execute(sa.update(by_hand_tasks).where(by_hand_tasks.c.id == row["id"]).values(**values))
        forget_subject(session, tools, row)
    return len(rows)


def forget_subject(session: Session, tools: Tools, row: Row) -> None:
    """Destroy what said whom a task was about, and take back mails with a link that were not sent yet."""
    mails = tools.mail.withdraw(session, [row["id"]])
    tools.vault.destroy_after_commit(session, [row["subject_key_id"], *mails.get(row["id"], ())])


def _send_link(session: Session, tools: Tools, processor: Processor, row: Row, *, again: bool, now: datetime) -> None:
    expires_at = now + links.LASTS
    token = links.new_link(session, row["id"], expires_at)
    address = f"{tools.settings.public_url}/{tools.name}/by-hand/{token}"
    mail = task_mail(
        about=row["id"],
        contact=processor.contact,
        clinic=tools.policy.clinic,
        address=address,
        due=local_date(row["due_at"]),
        expires=local_date(expires_at),
        again=again,
    )
    tools.mail.queue(session, mail, now=now)
