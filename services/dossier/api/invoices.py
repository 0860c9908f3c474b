"""Invoices over HTTP, for the front desk and the bookkeeper."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from services.dossier import records, rules
from services.dossier.actions import clients, invoicing
from services.dossier.actions.contents import open_content
from services.dossier.api.access import INVOICE_READERS, INVOICING, note
from services.dossier.api.clients import position_of
from services.dossier.records import Client, Invoice
from services.dossier.schemas.invoices import (
    InvoiceSchema,
    InvoiceSummarySchema,
    IssuedSchema,
    IssueInvoiceSchema,
    PaidSchema,
)
from shared.clock import utc_text
from shared.deadlines import financial_year_end, local_date
from shared.errors import InvalidInputError
from shared.web import Answer, Answers, Api, Both, Call, PageQuerySchema, list_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlalchemy.orm import Session

api = Api("invoices")
LIST = Answers(200, list_of(InvoiceSummarySchema))
STILL_TO_COME = Both("Deze dag is nog niet geweest.", "This day is still to come.")


@api.post(
    "/v1/clients/<client_id>/invoices",
    who=INVOICING,
    body=IssueInvoiceSchema,
    answers=Answers(201, IssuedSchema),
    idempotent=True,
)
def issue_invoice(call: Call) -> Answer:
    """Issue an invoice to a client, under the next number of its financial year (P51)."""
    note(call, "an invoice is issued", client=call.path["client_id"])
    _check_day(call, "issued_on")
    with call.transaction() as session:
        client = clients.hold(session, call.tools, call.path["client_id"])
        clients.require_client(client)
        return _issued(call, invoicing.issue(session, call.tools, client, call.body, now=call.now))


@api.post("/v1/invoices/<invoice_id>/credit", who=INVOICING, answers=Answers(201, IssuedSchema), idempotent=True)
def credit_invoice(call: Call) -> Answer:
    """Take an invoice back by a credit note: an invoice is never deleted."""
    note(call, "an invoice is credited", invoice=call.path["invoice_id"])
    with call.transaction() as session:
        invoice = invoicing.hold(session, call.path["invoice_id"])
        return _issued(call, invoicing.credit(session, call.tools, invoice, now=call.now))


@api.post(
    "/v1/invoices/<invoice_id>/payment", who=INVOICING, body=PaidSchema, answers=Answers(200, InvoiceSummarySchema)
)
def note_payment(call: Call) -> Answer:
    """Note that an invoice was paid; the same day again changes nothing."""
    note(call, "a payment is noted", invoice=call.path["invoice_id"])
    _check_day(call, "paid_on")
    with call.transaction() as session:
        invoice = invoicing.hold(session, call.path["invoice_id"])
        invoicing.note_paid(invoice, call.body["paid_on"])
        return Answer(_summary(call, invoice))


@api.get("/v1/clients/<client_id>/invoices", who=INVOICE_READERS, query=PageQuerySchema, answers=LIST)
def list_invoices_of_client(call: Call) -> Answer:
    """List the invoices of a client, the latest first."""
    note(call, "invoices are listed", client=call.path["client_id"])
    with call.tools.database.reading() as session:
        client = records.find(session, Client, call.path["client_id"])
        rows = records.find_invoices(session, client.id, position_of(call), call.size + 1)
    return _listed(call, rows)


@api.get("/v1/invoices", who=INVOICE_READERS, query=PageQuerySchema, answers=LIST)
def list_invoices(call: Call) -> Answer:
    """List all invoices, the latest first: a bookkeeper searches no clients."""
    note(call, "invoices are listed")
    with call.tools.database.reading() as session:
        return _listed(call, records.find_invoices(session, None, position_of(call), call.size + 1))


@api.get("/v1/invoices/<invoice_id>", who=INVOICE_READERS, answers=Answers(200, InvoiceSchema))
def show_invoice(call: Call) -> Answer:
    """Show an invoice, also where its client is gone; 410 once erased."""
    note(call, "an invoice is read", invoice=call.path["invoice_id"])
    with call.tools.database.reading() as session:
        invoice = records.find(session, Invoice, call.path["invoice_id"])
        return Answer(_fields(session, call, invoice))


def _issued(call: Call, invoice: Invoice) -> Answer:
    body = {"id": invoice.id, "number": invoice.number}
    return call.keep(Answer(body, location=f"/dossier/v1/invoices/{invoice.id}"))


def _listed(call: Call, rows: Sequence[Invoice]) -> Answer:
    return Answer(
        call.listing(
            rows, position=lambda row: [utc_text(row.created_at), row.id], show=lambda row: _summary(call, row)
        )
    )


def _fields(session: Session, call: Call, invoice: Invoice) -> dict[str, Any]:
    content = open_content(call.tools, invoice)
    lines = invoicing.lines_of(content)
    return {
        **_summary(call, invoice),
        **content,
        "total_cents": sum(line.cents for line in lines),
        "vat": [asdict(total) for total in rules.vat_totals(lines)],
        "credited_by": invoicing.credited_by(session, invoice),
    }


def _summary(call: Call, invoice: Invoice) -> dict[str, Any]:
    return {**{name: getattr(invoice, name) for name in _SHOWN}, "kept_until": _kept_until(call, invoice)}


def _kept_until(call: Call, invoice: Invoice) -> date:
    """Return the last day on which the law wants it (P38)."""
    policy = call.tools.policy
    ended = financial_year_end(invoice.issued_on, policy.choices.financial_year_starts)
    last: date = ended + policy.term("dossier.fiscal") - timedelta(days=1)
    return last


def _check_day(call: Call, field: str) -> None:
    if call.body[field] and call.body[field] > local_date(call.now):
        raise InvalidInputError({field: [STILL_TO_COME]})


_SHOWN = ("id", "number", "client", "issued_on", "paid_on", "credits")
