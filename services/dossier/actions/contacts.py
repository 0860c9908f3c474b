"""The contact history: how, when and why there was contact with a client (P13)."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from services.dossier.records import Contact
from shared.propagation.tombs import was_erased

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.dossier.records import Client
    from shared.service import Tools


def note(
    session: Session,
    tools: Tools,
    client: Client,
    said: Mapping[str, Any],
    *,
    noted_by: str,
    now: datetime,
    contact_id: str | None = None,
) -> Contact:
    """Note a contact with a client that is held; its id is a new one, or that of what it was heard by."""
    contact_id = contact_id or str(uuid.uuid4())
    sealed = tools.vault.seal(contact_id, {"note": said["note"]})
    contact = Contact(
        id=contact_id,
        client=client.id,
        email_ref=client.email_ref,
        phone_ref=client.phone_ref,
        channel=said["channel"],
        at=said["at"] or now,
        reason=said["reason"],
        noted_by=noted_by,
        created_at=now,
        sealed=sealed.ciphertext,
        key_id=sealed.key_id,
    )
    session.add(contact)
    client.last_contact_at = max(client.last_contact_at, contact.at)
    session.flush()
    return contact


def is_known(session: Session, contact_id: str) -> bool:
    """Tell whether a contact is here, or was and is erased."""
    return session.get(Contact, contact_id) is not None or was_erased(session, contact_id)
