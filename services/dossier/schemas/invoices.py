"""The shapes of invoices."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.dossier.schemas.clients import MadeSchema
from services.dossier.schemas.lines import line

RATES = (21, 9, 0)
"""The rates of Dutch VAT; one with an exemption says 0 and not why, since that would tell that it was care."""
MOST_CENTS = 100_000_000


class InvoiceLineSchema(Schema):
    """A line of an invoice; the price of one in euro cents, VAT included."""

    text = line(200, required=True)
    quantity = fields.Integer(strict=True, load_default=1, validate=validate.Range(-1000, 1000))
    unit_cents = fields.Integer(strict=True, required=True, validate=validate.Range(-MOST_CENTS, MOST_CENTS))
    vat_percent = fields.Integer(strict=True, load_default=21, validate=validate.OneOf(RATES))


class IssueInvoiceSchema(Schema):
    """An invoice to issue, today unless it says on which day before."""

    lines = fields.List(fields.Nested(InvoiceLineSchema), required=True, validate=validate.Length(1, 100))
    issued_on = fields.Date(load_default=None)


class PaidSchema(Schema):
    """On what day an invoice was paid."""

    paid_on = fields.Date(required=True)


class IssuedSchema(MadeSchema):
    """An invoice that was issued, with its number."""

    number = fields.String(required=True)


class InvoiceSummarySchema(IssuedSchema):
    """An invoice in a list: nothing of what is in it."""

    client = fields.String()
    issued_on = fields.Date()
    paid_on = fields.Date(allow_none=True)
    credits = fields.String(allow_none=True)
    kept_until = fields.Date()


class AddresseeSchema(Schema):
    """Whom an invoice was sent to."""

    name = fields.String()
    street = fields.String(allow_none=True)
    postal_code = fields.String(allow_none=True)
    city = fields.String(allow_none=True)
    country = fields.String(allow_none=True)


class VatSchema(Schema):
    """What is charged at one rate."""

    vat_percent = fields.Integer()
    net_cents = fields.Integer()
    vat_cents = fields.Integer()


class InvoiceSchema(InvoiceSummarySchema):
    """An invoice with what is in it."""

    addressee = fields.Nested(AddresseeSchema)
    lines = fields.List(fields.Nested(InvoiceLineSchema))
    total_cents = fields.Integer()
    vat = fields.List(fields.Nested(VatSchema))
    credited_by = fields.String(allow_none=True)
