"""Invoices: numbered without gaps, never changed and never deleted, but taken back by a credit note (P51)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from services.dossier import records, rules
from services.dossier.actions.clients import refuse_erasing
from services.dossier.actions.contents import ADDRESS, open_content
from services.dossier.records import Invoice
from services.dossier.rules import Line
from shared.database import lock_subject
from shared.deadlines import local_date
from shared.errors import ConflictError, InvalidInputError
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, datetime

    from sqlalchemy.orm import Session

    from services.dossier.records import Client
    from shared.service import Tools

NEGATIVE = Both(
    "Een factuur van minder dan niets is een creditnota.", "An invoice of less than nothing is a credit note."
)


def issue(session: Session, tools: Tools, client: Client, said: Mapping[str, Any], *, now: datetime) -> Invoice:
    """Issue an invoice to a client that is held, under the next number. Raises InvalidInputError."""
    if sum(line.cents for line in lines_of(said)) < 0:
        raise InvalidInputError({"lines": [NEGATIVE]})
    address = open_content(tools, client)
    addressee = {field: address[field] for field in ("name", *ADDRESS)}
    content = {"addressee": addressee, "lines": said["lines"]}
    return _store(session, tools, client, content, issued_on=said["issued_on"] or local_date(now), now=now)


def credit(session: Session, tools: Tools, invoice: Invoice, *, now: datetime) -> Invoice:
    """Take an invoice back whole, by a note that says the opposite.

    Raises ConflictError for a credit note and for an invoice that was taken back before.
    """
    if invoice.credits is not None:
        raise ConflictError(Both("Een creditnota wordt niet gecrediteerd.", "A credit note is not credited."))
    if credited_by(session, invoice) is not None:
        raise ConflictError(Both("Deze factuur is al gecrediteerd.", "This invoice was credited before."))
    content = open_content(tools, invoice)
    content["lines"] = [line | {"quantity": -line["quantity"]} for line in content["lines"]]
    return _store(session, tools, invoice, content, issued_on=local_date(now), credits_id=invoice.id, now=now)


def note_paid(invoice: Invoice, paid_on: date) -> None:
    """Note on what day an invoice was paid. Raises ConflictError when another day was noted."""
    if invoice.paid_on is not None and invoice.paid_on != paid_on:
        raise ConflictError(Both("Deze factuur is al betaald.", "This invoice was paid before."))
    invoice.paid_on = paid_on


def hold(session: Session, invoice_id: str) -> Invoice:
    """Return an invoice, held until the transaction ends. Raises GoneError, NotFoundError, ConflictError."""
    seen = records.find(session, Invoice, invoice_id)
    lock_subject(session, [ref for ref in (seen.email_ref, seen.phone_ref) if ref])
    invoice = records.find(session, Invoice, invoice_id, lock=True)
    refuse_erasing(session, invoice, [invoice_id])
    return invoice


def lines_of(content: Mapping[str, Any]) -> list[Line]:
    """Return the lines without their texts."""
    names = ("quantity", "unit_cents", "vat_percent")
    return [Line(**{name: line[name] for name in names}) for line in content["lines"]]


def credited_by(session: Session, invoice: Invoice) -> str | None:
    """Return the note that takes an invoice back, if there is one."""
    return session.scalar(sa.select(Invoice.id).where(Invoice.credits == invoice.id))


def _store(
    session: Session,
    tools: Tools,
    whom: Client | Invoice,
    content: Mapping[str, Any],
    *,
    issued_on: date,
    now: datetime,
    credits_id: str | None = None,
) -> Invoice:
    """Seal and number it. The number is taken last: whoever waits for the next one waits for this transaction."""
    invoice_id = str(uuid.uuid4())
    sealed = tools.vault.seal(invoice_id, content)
    year = rules.financial_year(issued_on, tools.policy.choices.financial_year_starts)
    invoice = Invoice(
        id=invoice_id,
        number=rules.invoice_number(year, records.next_position(session, year)),
        client=whom.client if isinstance(whom, Invoice) else whom.id,
        email_ref=whom.email_ref,
        phone_ref=whom.phone_ref,
        issued_on=issued_on,
        credits=credits_id,
        created_at=now,
        sealed=sealed.ciphertext,
        key_id=sealed.key_id,
    )
    session.add(invoice)
    session.flush()
    return invoice
