"""Taking clients up, changing what is known of them, and noting whether they want to hear of offers."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from services.dossier import records
from services.dossier.actions.contents import content_of, index, known, open_content, refs_of, seal_content
from services.dossier.records import CLIENT, LEAD, Client, Contact, Invoice
from shared.database import lock_subject
from shared.errors import ConflictError, InvalidInputError
from shared.propagation.tombs import is_being_erased
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.service import Tools

UNDER_ERASURE = Both("Deze gegevens worden nu gewist.", "These data are being erased now.")
ONCE_A_CLIENT = Both("Wie cliënt is, wordt geen lead meer.", "Whoever is a client does not become a lead again.")


def create(session: Session, tools: Tools, said: Mapping[str, Any], *, now: datetime) -> Client:
    """Take up a client or a lead. Raises InvalidInputError."""
    content = content_of(said)
    email_ref, phone_ref = refs_of(tools, content)
    lock_subject(session, known([email_ref, phone_ref]))
    client = Client(
        id=str(uuid.uuid4()),
        kind=said["kind"],
        email_ref=email_ref,
        phone_ref=phone_ref,
        source=said["source"],
        marketing=said["marketing"],
        marketing_at=now,
        version=1,
        created_at=now,
        updated_at=now,
        last_contact_at=now,
    )
    seal_content(session, tools, client, content)
    session.add(client)
    session.flush()
    index(session, tools, client, content)
    return client


def change(session: Session, tools: Tools, client: Client, said: Mapping[str, Any], *, now: datetime) -> None:
    """Change what is said of a client that is held: sealed anew, found by the new and no longer by the old.

    Raises InvalidInputError, and ConflictError for a client who would become a lead.
    """
    if said.get("kind", client.kind) == LEAD and client.kind == CLIENT:
        raise ConflictError(ONCE_A_CLIENT)
    content = content_of(said, open_content(tools, client))
    client.kind = said.get("kind", client.kind)
    client.source = said.get("source", client.source)
    client.version += 1
    client.updated_at = now
    seal_content(session, tools, client, content)
    session.flush()
    index(session, tools, client, content)
    _refer(session, client, *refs_of(tools, content))


def want_marketing(client: Client, *, wanted: bool, now: datetime) -> None:
    """Note what a client says about offers; saying it again is the latest word."""
    client.marketing, client.marketing_at = wanted, now
    client.version += 1


def hold(session: Session, tools: Tools, client_id: str, said: Mapping[str, Any] | None = None) -> Client:
    """Return a client, held until the transaction ends: the first thing in every write about somebody.

    With what is ``said`` anew, also whoever has that address or number is held. Raises GoneError,
    NotFoundError, ConflictError while an erasure is under way, and InvalidInputError.
    """
    seen = records.find(session, Client, client_id)
    refs = [seen.email_ref, seen.phone_ref]
    if said:
        refs += refs_of(tools, content_of(said, open_content(tools, seen)))
    lock_subject(session, known(refs))
    client = records.find(session, Client, client_id, lock=True)
    refuse_erasing(session, client, [client_id])
    return client


def refuse_erasing(session: Session, record: Client | Invoice, identifiers: Sequence[str]) -> None:
    """Raise ConflictError while the end of these is decided: nothing is added to what is about to go."""
    if record.term_end is not None or is_being_erased(session, identifiers):
        raise ConflictError(UNDER_ERASURE)


def require_client(client: Client) -> None:
    """Raise InvalidInputError for a lead: becoming a client is an act of its own (P5)."""
    if client.kind != CLIENT:
        message = Both("Maak van deze lead eerst een cliënt.", "First make a client of this lead.")
        raise InvalidInputError({"client": [message]})


def _refer(session: Session, client: Client, email_ref: str | None, phone_ref: str | None) -> None:
    """Have a client, and all there is of them, found by a new address and number."""
    if (client.email_ref, client.phone_ref) == (email_ref, phone_ref):
        return
    client.email_ref, client.phone_ref = email_ref, phone_ref
    for kind in (Contact, Invoice):
        theirs = sa.update(kind).where(kind.client == client.id)
        session.execute(theirs.values(email_ref=email_ref, phone_ref=phone_ref))
