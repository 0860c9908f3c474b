"""What the dossier holds about people, and how each kind of decision is carried out on it.

A decision acts on exactly the records it names. An invoice or a contact that it does not name stays when its
client goes, readable by its own id and found by its own references.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.dossier import records
from services.dossier.actions.contents import open_content
from services.dossier.records import CLIENTS, CONTACTS, INVOICES, Client, Contact, Invoice, client_tokens
from shared.processors.interface import SubjectIdentifiers
from shared.service import Act, Holding

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.dossier.records import PartT, RecordT
    from shared.service import Changed, Tools


def find(kind: type[RecordT], session: Session, refs: Collection[str]) -> Mapping[str, frozenset[str]]:
    """Return the records that these references lead to, with the references of each."""
    return records.find_of(session, kind, refs)


def present(kind: type[RecordT], session: Session, identifiers: Collection[str]) -> list[str]:
    """Return which of these are still there, counted in the table itself."""
    query = sa.text(f"SELECT id FROM {kind.__tablename__} WHERE id IN :ids")  # noqa: S608 - our own table's name
    return sorted(session.scalars(query.bindparams(sa.bindparam("ids", expanding=True)), {"ids": list(identifiers)}))


def refs_of(kind: type[RecordT], session: Session, identifiers: Sequence[str]) -> Mapping[str, str]:
    """Return the reference of each: that of its address or, without one, of its number."""
    found = records.find_all(session, kind, identifiers)
    return {record.id: ref for record in found if (ref := record.email_ref or record.phone_ref)}


def erase(kind: type[RecordT], session: Session, _tools: Tools, identifiers: Sequence[str], _now: datetime) -> Changed:
    """Delete them, and give up the keys of what was sealed; with a client goes by what it was found."""
    found = records.find_all(session, kind, identifiers)
    session.execute(sa.delete(client_tokens).where(client_tokens.c.client.in_(identifiers)))
    for record in found:
        session.delete(record)
    session.flush()
    return {record.id: (record.key_id,) for record in found}


def left(kind: type[RecordT], session: Session, identifiers: Sequence[str]) -> int:
    """Count what is still there of them, rows and index."""
    query = sa.text("SELECT count(*) FROM client_tokens WHERE client IN :ids")
    tokens = session.scalar(query.bindparams(sa.bindparam("ids", expanding=True)), {"ids": list(identifiers)})
    return len(present(kind, session, identifiers)) + (tokens or 0)


def stop_marketing(session: Session, _tools: Tools, identifiers: Sequence[str], now: datetime) -> Changed:
    """Note that they want no offers; who never wanted any counts as carried out too."""
    found = records.find_all(session, Client, identifiers)
    for client in found:
        if client.marketing:
            client.marketing, client.marketing_at = False, now
            client.version += 1
    session.flush()
    return {client.id: () for client in found}


def count_wanting(session: Session, identifiers: Sequence[str]) -> int:
    """Count those who still get offers."""
    query = sa.text("SELECT count(*) FROM clients WHERE id IN :ids AND marketing")
    return session.scalar(query.bindparams(sa.bindparam("ids", expanding=True)), {"ids": list(identifiers)}) or 0


def renewed(session: Session, identifiers: Sequence[str]) -> Mapping[str, datetime]:
    """Return when who does want offers said so: a no of before is not about that."""
    wanting = sa.and_(Client.id.in_(identifiers), Client.marketing, Client.marketing_at.is_not(None))
    found = session.execute(sa.select(Client.id, Client.marketing_at).where(wanting))
    return {row.id: row.marketing_at for row in found}


def identify_client(session: Session, tools: Tools, identifiers: Sequence[str]) -> SubjectIdentifiers | None:
    """Return what a processor recognises a client by, also one who was taken up twice with two addresses."""
    contents = [open_content(tools, client) for client in records.find_all(session, Client, identifiers)]
    if not contents:
        return None
    first, emails = contents[0], list(dict.fromkeys(each["email"] for each in contents if each["email"]))
    return SubjectIdentifiers(
        email=emails[0] if emails else None,
        more_emails=tuple(emails[1:]),
        phone=first["phone"],
        first_name=first["first_name"],
        name=first["name"],
    )


def identify_party(
    kind: type[PartT], session: Session, tools: Tools, identifiers: Sequence[str]
) -> SubjectIdentifiers | None:
    """Return whom an invoice or a contact is about: its client or, when that is gone, its addressee."""
    for record in records.find_all(session, kind, identifiers):
        client = identify_client(session, tools, [record.client])
        if client is not None or kind is Contact:
            return client
        return SubjectIdentifiers(name=open_content(tools, record)["addressee"]["name"])
    return None


def numbers_of(session: Session, identifiers: Sequence[str]) -> Mapping[str, str]:
    """Return the number of each invoice: all that a bookkeeper knows it by."""
    return {invoice.id: invoice.number for invoice in records.find_all(session, Invoice, identifiers)}


def _erasing(kind: type[RecordT]) -> Mapping[str, Act]:
    act = Act(partial(erase, kind), partial(left, kind))
    return {"erasure": act, "term-end": act}


STOP = Act(stop_marketing, count_wanting)
HOLDINGS = (
    Holding(
        category=CLIENTS,
        find=partial(find, Client),
        present=partial(present, Client),
        acts={**_erasing(Client), "unsubscribe": STOP, "withdrawal": STOP, "objection": STOP},
        identify=identify_client,
        refs_of=partial(refs_of, Client),
        renewed=renewed,
    ),
    Holding(
        category=CONTACTS,
        find=partial(find, Contact),
        present=partial(present, Contact),
        acts=_erasing(Contact),
        identify=partial(identify_party, Contact),
        refs_of=partial(refs_of, Contact),
    ),
    Holding(
        category=INVOICES,
        find=partial(find, Invoice),
        present=partial(present, Invoice),
        acts=_erasing(Invoice),
        identify=partial(identify_party, Invoice),
        refs_of=partial(refs_of, Invoice),
        labels=numbers_of,
    ),
)
