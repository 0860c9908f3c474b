"""What the dossier answers about one record, as far as a page shows it."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 - msgspec reads the annotations at run time

import msgspec


class Client(msgspec.Struct, frozen=True, kw_only=True):
    """A client or a lead."""

    name: str
    created_at: datetime
    email: str | None = None
    phone: str | None = None
    birth_date: date | None = None
    street: str | None = None
    postal_code: str | None = None
    city: str | None = None


class FoundClient(msgspec.Struct, frozen=True, kw_only=True):
    """A client or a lead that a search found."""

    id: str
    name: str | None = None
    email: str | None = None


class FoundClients(msgspec.Struct, frozen=True, kw_only=True):
    """The first page of what a search found."""

    items: list[FoundClient]


class Contact(msgspec.Struct, frozen=True, kw_only=True):
    """A contact there was with a client, who may be gone."""

    client: str
    at: datetime
    noted_by: str
    note: str | None = None


class Addressee(msgspec.Struct, frozen=True, kw_only=True):
    """Whom an invoice was sent to."""

    name: str
    street: str | None = None
    postal_code: str | None = None
    city: str | None = None


class InvoiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an invoice."""

    text: str


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice or a credit note; its client may be gone."""

    number: str
    client: str
    issued_on: date
    kept_until: date
    addressee: Addressee
    lines: list[InvoiceLine]
    total_cents: int
