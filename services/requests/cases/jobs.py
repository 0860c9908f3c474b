"""What happens to requests by the clock: receipts held back, warnings, breaches, and the end of their term."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.requests.cases.actions.opening import addresses_without_receipt, send_receipt
from services.requests.cases.holdings import CATEGORY
from services.requests.cases.records import RightsRequest
from services.requests.cases.rules import WARN_DAYS
from shared.database import lock_subject
from shared.deadlines import local_date
from shared.events import RecordRef
from shared.mail import OutgoingMail
from shared.propagation import decisions
from shared.service import Job

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from shared.service import Tools

BATCH = 200
BY_THE_CLOCK = "policy"


def mail_receipts(tools: Tools, now: datetime) -> None:
    """Mail the receipts that were held back because their address had just had one."""
    with tools.database.reading() as session:
        waiting = addresses_without_receipt(session)
    for email_ref in waiting:
        with tools.database.transaction() as session:
            lock_subject(session, [email_ref])
            send_receipt(session, tools, email_ref, now=now)


def watch_clocks(tools: Tools, now: datetime) -> None:
    """Warn the privacy coordinator five days before an answer is due, and once more when it is late (P75)."""
    today = local_date(now)
    with tools.database.transaction() as session:
        running = sa.and_(RightsRequest.state != "closed", RightsRequest.paused_on.is_(None))
        late = _due(session, running, RightsRequest.breached_on, today)
        near = _due(session, running, RightsRequest.warned_on, today + timedelta(days=WARN_DAYS + 1))
        for case in late:
            case.breached_on = case.warned_on = today
        for case in near:
            case.warned_on = today
        if late or near:
            tools.mail.queue(session, _alarm(tools, late, [case for case in near if case not in late]), now=now)


def end_terms(tools: Tools, now: datetime) -> None:
    """Decide that the content of requests goes whose term is over; erasing it is then an obligation like any other."""
    with tools.database.transaction() as session:
        over = _over(session, tools, now)
        if not over:
            return
        decision_id = str(uuid.uuid4())
        for case in over:
            case.term_end = decision_id
        decisions.take(
            session,
            tools,
            "term-end",
            decision_id=decision_id,
            refs=(),
            ground="requests.file",
            decided_by=BY_THE_CLOCK,
            now=now,
            records=[RecordRef(service=tools.name, category=CATEGORY, id=case.id) for case in over],
        )


def _over(session: Session, tools: Tools, now: datetime) -> Sequence[RightsRequest]:
    """Return closed requests past their term: that of a destruction lasts as long as the dossier's own (P76)."""
    terms = tools.policy
    query = sa.select(RightsRequest).where(
        RightsRequest.state == "closed",
        RightsRequest.sealed.is_not(None),
        RightsRequest.term_end.is_(None),
        sa.or_(
            sa.and_(~RightsRequest.touches_dossier, RightsRequest.closed_at <= now - terms.term("requests.file")),
            RightsRequest.closed_at <= now - terms.term("requests.destruction-file"),
        ),
    )
    return session.scalars(query.order_by(RightsRequest.closed_at).limit(BATCH).with_for_update()).all()


def _due(
    session: Session, running: sa.ColumnElement[bool], told: sa.orm.InstrumentedAttribute[date | None], before: date
) -> Sequence[RightsRequest]:
    query = sa.select(RightsRequest).where(running, told.is_(None), RightsRequest.due_on < before)
    return session.scalars(query.order_by(RightsRequest.due_on).with_for_update()).all()


def _alarm(tools: Tools, late: Sequence[RightsRequest], near: Sequence[RightsRequest]) -> OutgoingMail:
    lines = [f"- {case.reference}: TE LAAT / LATE, {case.due_on}" for case in late]
    lines += [f"- {case.reference}: {case.due_on}" for case in near]
    return OutgoingMail(
        reason="legal",
        about="request-clocks",
        to=tools.policy.clinic.privacy,
        subject="Verzoeken die een antwoord vragen / Requests that need an answer",
        text="Kenmerk, en wanneer het antwoord er moet zijn.\n"
        "Reference, and by when the answer is due.\n\n" + "\n".join(lines) + "\n",
    )


JOBS = (
    Job("mail receipts that were held back", timedelta(minutes=10), mail_receipts),
    Job("watch the clocks of requests", timedelta(hours=1), watch_clocks),
    Job("end the terms of requests", timedelta(days=1), end_terms),
)
