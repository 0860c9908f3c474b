"""What the dossier keeps: clients, contact history and invoices, of which nothing that says who stands in the clear."""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.database import NAMING, UtcDateTime, insert_once
from shared.errors import GoneError, NotFoundError
from shared.many import among_given
from shared.propagation.tombs import was_erased
from shared.vault import DATA_KEY

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from typing import Any

    from sqlalchemy.orm import Session

Kind = Literal["lead", "client"]
LEAD: Kind = "lead"
CLIENT: Kind = "client"
CLIENTS, CONTACTS, INVOICES = "clients", "contacts", "invoices"
"""The data categories, as the register of processors names them."""


class Base(DeclarativeBase):
    """The dossier's own tables."""

    metadata = sa.MetaData(naming_convention=NAMING)


class Client(Base):
    """A client, or a lead who may become one. Sealed are name, address, telephone, e-mail and birth date.

    ``version`` counts the changes, for ETag and If-Match. ``marketing`` is whether the person wants to hear of
    offers, said at ``marketing_at``. ``last_contact_at`` is what a lead's term is counted from, and
    ``term_end`` the decision that ends it.
    """

    __tablename__ = "clients"
    __table_args__ = {"info": {"term": "dossier.client"}}  # noqa: RUF012 - SQLAlchemy reads it

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    kind: Mapped[str] = mapped_column(sa.String(10))
    email_ref: Mapped[str | None] = mapped_column(sa.String(100), index=True)
    phone_ref: Mapped[str | None] = mapped_column(sa.String(100), index=True)
    source: Mapped[str] = mapped_column(sa.String(20))
    marketing: Mapped[bool]
    marketing_at: Mapped[datetime] = mapped_column(UtcDateTime)
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_contact_at: Mapped[datetime] = mapped_column(UtcDateTime)
    term_end: Mapped[str | None] = mapped_column(sa.String(36))
    sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    key_id: Mapped[str] = mapped_column(sa.String(32), info=DATA_KEY)


class Contact(Base):
    """That, how, when and why there was contact with somebody (P13); sealed is the note.

    It keeps the references of whom it is about, because it can outlive its client's row: ``client`` is an id
    and no more.
    """

    __tablename__ = "contacts"
    __table_args__ = {"info": {"term": "dossier.service"}}  # noqa: RUF012

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    client: Mapped[str] = mapped_column(sa.String(36), index=True)
    email_ref: Mapped[str | None] = mapped_column(sa.String(100), index=True)
    phone_ref: Mapped[str | None] = mapped_column(sa.String(100), index=True)
    channel: Mapped[str] = mapped_column(sa.String(20))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    reason: Mapped[str] = mapped_column(sa.String(20))
    noted_by: Mapped[str] = mapped_column(sa.String(100))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    term_end: Mapped[str | None] = mapped_column(sa.String(36))
    sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    key_id: Mapped[str] = mapped_column(sa.String(32), info=DATA_KEY)


class Invoice(Base):
    """An invoice or, with ``credits``, the note that takes one back. Sealed are addressee and lines.

    It stays readable and findable when its client is erased: it has an addressee, a key and references of its
    own, and ``client`` is an id and no more.
    """

    __tablename__ = "invoices"
    __table_args__ = {"info": {"term": "dossier.fiscal"}}  # noqa: RUF012

    id: Mapped[str] = mapped_column(sa.String(36), primary_key=True)
    number: Mapped[str] = mapped_column(sa.String(20), unique=True)
    client: Mapped[str] = mapped_column(sa.String(36), index=True)
    email_ref: Mapped[str | None] = mapped_column(sa.String(100), index=True)
    phone_ref: Mapped[str | None] = mapped_column(sa.String(100), index=True)
    issued_on: Mapped[date] = mapped_column(index=True)
    paid_on: Mapped[date | None]
    credits: Mapped[str | None] = mapped_column(sa.String(36), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    term_end: Mapped[str | None] = mapped_column(sa.String(36))
    sealed: Mapped[bytes] = mapped_column(sa.LargeBinary)
    key_id: Mapped[str] = mapped_column(sa.String(32), info=DATA_KEY)


client_tokens = sa.Table(
    "client_tokens",
    Base.metadata,
    sa.Column("token", sa.String(16), primary_key=True),
    sa.Column("client", sa.String(36), sa.ForeignKey(Client.id, ondelete="CASCADE"), primary_key=True, index=True),
    info={"term": "dossier.client"},
)
"""The blind index: by which parts of a name, an address, a number or a date a client is found."""

invoice_numbers = sa.Table(
    "invoice_numbers",
    Base.metadata,
    sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("last", sa.Integer, nullable=False),
    info={"term": "system.structure"},
)
"""The position of the last invoice in each financial year."""

Position = tuple[datetime, str]
"""Where a list that goes by time, the latest first, goes on."""

RecordT = TypeVar("RecordT", Client, Contact, Invoice)
PartT = TypeVar("PartT", Contact, Invoice)
WORDS: dict[type[Any], str] = {Client: "client", Contact: "contact", Invoice: "invoice"}


def find(session: Session, kind: type[RecordT], record_id: str, *, lock: bool = False) -> RecordT:
    """Return a record, with ``lock`` read anew and held. Raises GoneError once it was erased, NotFoundError."""
    found = session.get(kind, record_id, populate_existing=lock, with_for_update=lock or None)
    if found is not None:
        return found
    if was_erased(session, record_id):
        raise GoneError(f"This {WORDS[kind]} was erased.")
    raise NotFoundError(f"There is no such {WORDS[kind]}.")


def find_all(session: Session, kind: type[RecordT], identifiers: Collection[str]) -> Sequence[RecordT]:
    """Return those of these records that are still there, oldest first."""
    return session.scalars(sa.select(kind).where(kind.id.in_(identifiers)).order_by(kind.created_at)).all()


def find_of(session: Session, kind: type[RecordT], refs: Collection[str]) -> dict[str, frozenset[str]]:
    """Return the records that an address or a number leads to, oldest first, with the refs of each.

    They are candidates, and no more than that.
    """
    found = session.execute(_of_refs(kind), {"refs": list(refs)})
    return {record: frozenset(filter(None, its)) for record, *its in found}


@cache
def _of_refs(kind: type[Client | Contact | Invoice]) -> sa.Select[str, str | None, str | None]:
    theirs = sa.or_(among_given(kind.email_ref, "refs"), among_given(kind.phone_ref, "refs"))
    query = sa.select(kind.id, kind.email_ref, kind.phone_ref).where(theirs)
    return query.order_by(kind.created_at, kind.id)


def find_of_client(session: Session, kind: type[PartT], client_id: str) -> list[str]:
    """Return what there is of a client."""
    return list(session.scalars(sa.select(kind.id).where(kind.client == client_id)))


def find_by_tokens(session: Session, tokens: Collection[str], after: Position | None, limit: int) -> Sequence[Client]:
    """Return clients with every one of these tokens, the latest first, from a position on."""
    matching = (
        sa.select(client_tokens.c.client)
        .where(client_tokens.c.token.in_(tokens))
        .group_by(client_tokens.c.client)
        .having(sa.func.count() == len(tokens))
    )
    query = sa.select(Client).where(Client.id.in_(matching))
    return session.scalars(_page(query, Client.created_at, Client.id, after, limit)).all()


def find_contacts(session: Session, client_id: str, after: Position | None, limit: int) -> Sequence[Contact]:
    """Return the contact history of a client, the latest first, from a position on."""
    query = sa.select(Contact).where(Contact.client == client_id)
    return session.scalars(_page(query, Contact.at, Contact.id, after, limit)).all()


def find_invoices(session: Session, client_id: str | None, after: Position | None, limit: int) -> Sequence[Invoice]:
    """Return the invoices of a client or, without one, of all, the latest first, from a position on."""
    query = sa.select(Invoice) if client_id is None else sa.select(Invoice).where(Invoice.client == client_id)
    return session.scalars(_page(query, Invoice.created_at, Invoice.id, after, limit)).all()


def put_tokens(session: Session, client_id: str, tokens: Collection[str]) -> None:
    """Have a client found by these parts, and by no others."""
    session.execute(sa.delete(client_tokens).where(client_tokens.c.client == client_id))
    insert_once(session, client_tokens, [{"client": client_id, "token": token} for token in sorted(tokens)])


def next_position(session: Session, year: int) -> int:
    """Return the next position in a financial year, held until the transaction ends: without it none is used up."""
    insert_once(session, invoice_numbers, [{"year": year, "last": 0}])
    counted = (
        sa.update(invoice_numbers)
        .where(invoice_numbers.c.year == year)
        .values(last=invoice_numbers.c.last + 1)
        .returning(invoice_numbers.c.last)
    )
    position: int = session.execute(counted).scalar_one()
    return position


def _page(
    query: sa.Select[RecordT], moment: Any, identifier: Any, after: Position | None, limit: int
) -> sa.Select[RecordT]:
    """Order a query by time, the latest first, from a position on."""
    if after is not None:
        position = sa.tuple_(*after, types=[UtcDateTime(), sa.String()])
        query = query.where(sa.tuple_(moment, identifier) < position)
    return query.order_by(moment.desc(), identifier.desc()).limit(limit)
