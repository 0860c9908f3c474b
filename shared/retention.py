"""The terms of the system's own records: what was moved, applied, answered or repeated goes when its time is over."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.database import Base
from shared.deadlines import ZONE
from shared.mail import MailFolder, outgoing_mails
from shared.mail.tables import WAITING
from shared.messaging.tables import APPLIED, MOVED, PARKED, inbox, outbox
from shared.processors.by_hand import by_hand_links, by_hand_tasks
from shared.processors.feed import feed_tasks
from shared.processors.opendsr import opendsr_requests
from shared.propagation.tables import (
    FINISHED,
    SUPERSEDED,
    issued_decisions,
    obligations,
    receipts,
    tombstones,
    transfers,
)
from shared.service import Job
from shared.vault import keys_in_use
from shared.web.tables import form_attempts, idempotent_answers, rate_counters

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from shared.service import Service, Tools

BATCH = 500  # rows a transaction, so that nobody waits long for the lock


def end_terms(tools: Tools, now: datetime) -> None:
    """Delete the rows whose term is over.

    It is counted back from ``now`` by the calendar in the Netherlands: never too far, and at most a day short
    where a month is (from 28 February to 28 January, though what began on the 31st ended with February too).
    """

    def before(term: str) -> datetime:
        return now.astimezone(ZONE) - tools.policy.term(term)

    over = (
        (outbox, sa.and_(outbox.c.state == MOVED, outbox.c.moved_at < before("system.outbox"))),
        (outbox, sa.and_(outbox.c.state == PARKED, outbox.c.created_at < before("system.parked"))),
        (inbox, sa.and_(inbox.c.state == APPLIED, inbox.c.applied_at < before("system.inbox"))),
        (inbox, sa.and_(inbox.c.state == PARKED, inbox.c.received_at < before("system.parked"))),
        (
            inbox,
            sa.and_(
                inbox.c.state == PARKED,
                inbox.c.sealed_key.is_not(None),
                inbox.c.received_at < before("newsletter.told"),
            ),
        ),
        (issued_decisions, issued_decisions.c.closed_at < before("system.outbox")),
        (
            obligations,
            sa.and_(
                obligations.c.state.in_([FINISHED, SUPERSEDED]),
                sa.func.coalesce(obligations.c.finished_at, obligations.c.requested_at) < before("system.obligation"),
            ),
        ),
        (receipts, receipts.c.issued_at < before("system.receipt")),
        # Who was given a record is known as long as the record is kept, or its recipient has yet to let go of it.
        (transfers, sa.and_(transfers.c.ended_at.is_not(None), transfers.c.record.in_(sa.select(tombstones.c.record)))),
        (tombstones, tombstones.c.erased_at < before("system.tombstone")),
        (
            outgoing_mails,
            sa.and_(
                outgoing_mails.c.state != WAITING,
                sa.func.coalesce(outgoing_mails.c.sent_at, outgoing_mails.c.created_at) < before("system.mail"),
            ),
        ),
        (by_hand_tasks, by_hand_tasks.c.closed_at < before("system.by-hand-task")),
        (opendsr_requests, opendsr_requests.c.closed_at < before("system.opendsr-request")),
        (feed_tasks, feed_tasks.c.closed_at < before("system.obligation")),
        (by_hand_links, by_hand_links.c.expires_at < before("system.by-hand-task")),
        (idempotent_answers, idempotent_answers.c.created_at < before("system.idempotent-answer")),
        (rate_counters, rate_counters.c.ends_at < before("system.rate-counter")),
        (form_attempts, form_attempts.c.tried_at < before("system.form-attempt")),
    )
    for table, condition in over:
        _delete(tools, table, condition)
    _forget_refs(tools, before("newsletter.tombstone"))
    if tools.settings.smtp_url is None:
        MailFolder(tools.settings.home / "mail").forget_before(before("system.maildir"))


def _delete(tools: Tools, table: sa.Table, condition: sa.ColumnElement[bool]) -> None:
    key = next(iter(table.primary_key.columns))
    while True:
        with tools.database.transaction() as session:
            chosen = sa.select(key).where(condition).limit(BATCH)
            deleted = session.execute(sa.delete(table).where(key.in_(chosen)).returning(key)).all()
        if len(deleted) < BATCH:
            return


def _forget_refs(tools: Tools, moment: datetime) -> None:
    """A tombstone's reference outlives the data only as long as the oldest backup that still has them (P37)."""
    with tools.database.transaction() as session:
        session.execute(
            sa.update(tombstones).where(tombstones.c.ref.is_not(None), tombstones.c.erased_at < moment).values(ref=None)
        )


def sweep_keys(service: Service) -> Job:
    """Return the job that destroys data keys to which no record of the service refers."""

    def run(tools: Tools, _now: datetime) -> None:
        def used(key_ids: Collection[str]) -> Collection[str]:
            with tools.database.reading() as session:
                return keys_in_use(session, (Base.metadata, service.metadata), key_ids)

        tools.vault.sweep_unused(used)

    return Job("destroy unused data keys", timedelta(days=1), run)


END_TERMS = Job("end the terms of the system's own records", timedelta(hours=6), end_terms)
