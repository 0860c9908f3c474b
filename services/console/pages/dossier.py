"""A record of the dossier, to see whose it is: references find, and people confirm by looking."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID  # noqa: TC003 - Flask's converter hands one in

from flask import Blueprint

from services.console import formats
from services.console.pages.frame import caller, console, language, show
from shared.wording import Both, text_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Response

    from services.console.dossier_schemas import Addressee, Client

pages = Blueprint("dossier", __name__)
Facts = list[tuple[Both, str | None]]


@pages.get("/dossier/clients/<uuid:record_id>")
def show_client(record_id: UUID) -> Response:
    """Show who a client is."""
    client = console().backend.client(caller(), str(record_id))
    facts: Facts = [
        (Both("Naam", "Name"), client.name),
        (Both("E-mail", "E-mail"), client.email),
        (Both("Telefoon", "Telephone"), client.phone),
        (Both("Geboren", "Born"), formats.day(client.birth_date, language()) if client.birth_date else None),
        (Both("Adres", "Address"), _address(client)),
        (Both("Ingeschreven", "Taken up"), formats.moment(client.created_at, language())),
    ]
    return _page("clients", record_id, facts)


@pages.get("/dossier/contacts/<uuid:record_id>")
def show_contact(record_id: UUID) -> Response:
    """Show a contact there was, and with which client."""
    contact = console().backend.contact(caller(), str(record_id))
    facts: Facts = [
        (Both("Wanneer", "When"), formats.moment(contact.at, language())),
        (Both("Aantekening", "Note"), contact.note),
        (Both("Door", "By"), contact.noted_by),
    ]
    return _page("contacts", record_id, facts, client=contact.client)


@pages.get("/dossier/invoices/<uuid:record_id>")
def show_invoice(record_id: UUID) -> Response:
    """Show an invoice, to whom it was sent, and until when the law wants it."""
    invoice = console().backend.invoice(caller(), str(record_id))
    facts: Facts = [
        (Both("Nummer", "Number"), invoice.number),
        (Both("Van", "Of"), formats.day(invoice.issued_on, language())),
        (Both("Aan", "To"), _joined([invoice.addressee.name, _address(invoice.addressee)])),
        (Both("Voor", "For"), _joined(line.text for line in invoice.lines)),
        (Both("Bedrag", "Amount"), _amount(invoice.total_cents)),
        (Both("Bewaren tot en met", "To be kept until"), formats.day(invoice.kept_until, language())),
    ]
    return _page("invoices", record_id, facts, client=invoice.client)


def _page(category: str, record_id: UUID, facts: Facts, *, client: str | None = None) -> Response:
    known = [(text_in(language(), label), value) for label, value in facts if value]
    return show("dossier-record.html", category=category, record_id=record_id, facts=known, client=client)


def _amount(cents: int) -> str:
    euros = f"€ {cents / 100:.2f}"
    return euros if language() == "en" else euros.replace(".", ",")


def _address(whose: Client | Addressee) -> str:
    return _joined([whose.street, whose.postal_code, whose.city])


def _joined(parts: Iterable[str | None]) -> str:
    return ", ".join(part for part in parts if part)
