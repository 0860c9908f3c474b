"""The end of terms, decided by the clock: of leads, of contact history, of invoices. Nothing of it is medical.

A decision is about one person, because the processors that are told of it recognise people one by one.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.dossier import records
from services.dossier.actions.contents import known
from services.dossier.records import CLIENTS, CONTACTS, INVOICES, Client, Contact, Invoice
from shared.events import RecordRef
from shared.propagation import decisions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.service import Tools

CATEGORIES: Mapping[type[Client | Contact | Invoice], str] = {Client: CLIENTS, Contact: CONTACTS, Invoice: INVOICES}


def end(
    session: Session, tools: Tools, term: str, over: Sequence[Contact] | Sequence[Invoice], *, now: datetime
) -> None:
    """Decide that contact history or invoices of one person go, here and at whoever has them (P38)."""
    _decide(session, tools, term, over, now=now)


def end_lead(session: Session, tools: Tools, lead: Client, *, now: datetime) -> None:
    """Decide that somebody who did not become a client is forgotten, with every contact there was."""
    history = records.find_all(session, Contact, records.find_of_client(session, Contact, lead.id))
    _decide(session, tools, "dossier.lead", [lead, *history], now=now)


def _decide(
    session: Session, tools: Tools, term: str, over: Sequence[Client | Contact | Invoice], *, now: datetime
) -> None:
    decision_id = str(uuid.uuid4())
    ending = [record for record in over if _claim(session, record, decision_id)]
    if not ending:
        return
    decisions.take(
        session,
        tools,
        "term-end",
        decision_id=decision_id,
        refs=known([ref for record in ending for ref in (record.email_ref, record.phone_ref)]),
        records=[RecordRef(service=tools.name, category=CATEGORIES[type(record)], id=record.id) for record in ending],
        ground=term,
        decided_by="policy",
        now=now,
    )


def _claim(session: Session, record: Client | Contact | Invoice, decision_id: str) -> bool:
    """Note the decision that ends a record; False when another was taken meanwhile."""
    kind = type(record)
    undecided = sa.and_(kind.id == record.id, kind.term_end.is_(None))
    claimed = sa.update(kind).where(undecided).values(term_end=decision_id).returning(kind.id)
    return session.execute(claimed).first() is not None
