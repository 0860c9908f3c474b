"""What is sealed of a subscription: first name, address, the tokens of its links, and what a tick for it said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.processors.interface import SubjectIdentifiers
from shared.vault import Sealed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from services.newsletter.records import Subscription
    from shared.service import Tools


def open_content(tools: Tools, subscription: Subscription) -> dict[str, Any]:
    """Return ``first_name``, ``email``, ``confirm``, ``unsubscribe``, ``tick_text`` and ``imported``.

    The last only where the consent was given elsewhere: its ``source`` and ``text``, and when they came, ``at``.
    Raises KeyDestroyedError.
    """
    return tools.vault.open(subscription.id, Sealed(subscription.key_id, subscription.sealed))


def seal_content(session: Session, tools: Tools, subscription: Subscription, content: Mapping[str, Any]) -> None:
    """Seal the content under a new key; the old one goes with the transaction, so that backups cannot be read."""
    old = subscription.key_id
    sealed = tools.vault.seal(subscription.id, content)
    subscription.sealed, subscription.key_id = sealed.ciphertext, sealed.key_id
    if old:
        tools.vault.destroy_after_commit(session, [old])


def subject_of(content: Mapping[str, Any]) -> SubjectIdentifiers:
    """Return what a programme gets of a person: first name and address, and nothing else (P56)."""
    return SubjectIdentifiers(email=content["email"], first_name=content["first_name"])
