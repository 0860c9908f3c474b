"""What the dossier does by the clock; every job can be run at any time, and catches up after a pause."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.dossier import rules
from services.dossier.actions.contents import known
from services.dossier.actions.ending import end, end_lead
from services.dossier.records import LEAD, Client, Contact, Invoice
from shared.database import lock_subject
from shared.deadlines import local_date, start_of
from shared.service import Job

if TYPE_CHECKING:
    from datetime import date, datetime

    from services.dossier.records import PartT
    from shared.service import Tools

BATCH = 200  # records a transaction, so that nobody waits long for the lock


def end_invoices(tools: Tools, now: datetime) -> None:
    """Decide the end of invoices whose seven years, from the end of their financial year, are over (P38)."""
    over = Invoice.issued_on < _over_before(tools, "dossier.fiscal", now)
    _end(tools, "dossier.fiscal", Invoice, over, now=now)


def end_contacts(tools: Tools, now: datetime) -> None:
    """Decide the end of contact history, which is kept as long as what it goes with (P38)."""
    over = Contact.at < start_of(_over_before(tools, "dossier.service", now))
    _end(tools, "dossier.service", Contact, over, now=now)


def end_leads(tools: Tools, now: datetime) -> None:
    """Decide the end of people who did not become clients, a year after the last contact with them."""
    almost = Client.last_contact_at <= now - tools.policy.term("dossier.lead") + rules.SLACK
    waiting = sa.and_(Client.kind == LEAD, Client.term_end.is_(None), almost)
    query = sa.select(Client).where(waiting).order_by(Client.last_contact_at).limit(BATCH)
    while True:
        with tools.database.transaction() as session:
            found = session.scalars(query).all()
            lock_subject(session, known([ref for lead in found for ref in (lead.email_ref, lead.phone_ref)]))
            # Whoever came back, or became a client, while we waited, is left alone.
            again = session.scalars(query.execution_options(populate_existing=True))
            over = [lead for lead in again if tools.policy.term_ends("dossier.lead", lead.last_contact_at) <= now]
            for lead in over:
                end_lead(session, tools, lead, now=now)
        if len(over) < BATCH:
            return


def _end(tools: Tools, term: str, kind: type[PartT], over: sa.ColumnElement[bool], *, now: datetime) -> None:
    query = sa.select(kind).where(over, kind.term_end.is_(None)).order_by(kind.client, kind.id).limit(BATCH)
    while True:
        with tools.database.transaction() as session:
            found = session.scalars(query).all()
            by_client = defaultdict(list)
            for record in found:
                by_client[record.client].append(record)
            for theirs in by_client.values():
                end(session, tools, term, theirs, now=now)
        if len(found) < BATCH:
            return


def _over_before(tools: Tools, term: str, now: datetime) -> date:
    starts = tools.policy.choices.financial_year_starts
    return rules.over_before(local_date(now), tools.policy.term(term), starts)


JOBS = (
    Job("end the terms of invoices", timedelta(hours=1), end_invoices),
    Job("end the terms of contact history", timedelta(hours=1), end_contacts),
    Job("end the terms of leads", timedelta(hours=1), end_leads),
)
