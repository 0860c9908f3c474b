"""What staff see of an address: our subscription, the proof of consent, and what the programme says now."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from services.newsletter import consent, programmes, records
from services.newsletter.actions.contents import open_content
from shared.clock import parse_utc
from shared.errors import DiscreetError, KeyDestroyedError
from shared.propagation import transfers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from services.newsletter.records import Subscription
    from shared.service import Tools

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """A subscription as staff see it; ``processor`` has it, or had it and has not confirmed that it erased it."""

    subscription: Subscription
    content: Mapping[str, Any]
    processor: str | None

    def shown(self, state: str | None) -> dict[str, Any]:
        """Return it for the answer, with what the programme says of it now."""
        subscription = self.subscription
        elsewhere = self.content.get("imported") or {}  # where the consent of another system is the one that counts
        return {
            "id": subscription.id,
            "state": subscription.state,
            "ended_because": subscription.ended_because,
            "first_name": self.content["first_name"],
            "language": subscription.language,
            "version": subscription.version,
            "created_at": subscription.created_at,
            "ended_at": subscription.ended_at,
            "proof": {
                "method": "imported" if elsewhere else "double-opt-in",
                "source": elsewhere.get("source", subscription.source),
                "signed_up_at": subscription.created_at,
                "asked_at": subscription.asked_at,
                "confirmed_at": subscription.confirmed_at,
                "imported_at": parse_utc(elsewhere["at"]) if elsewhere else None,
                "privacy_version": subscription.privacy_version,
                "text_sha256": subscription.consent_digest,
                "text": elsewhere.get("text") or consent.text_of(subscription.consent_digest),
                "tick_text": self.content.get("tick_text"),
            },
            "provider": {"processor": self.processor, "state": state} if self.processor else None,
        }


def find(session: Session, tools: Tools, email: str) -> list[Found]:
    """Return every subscription of an address that is still here. Raises InvalidInputError."""
    found = []
    for subscription in records.find_of(session, tools.refs.emails(email)):
        try:
            content = open_content(tools, subscription)
        except KeyDestroyedError:
            continue  # erased between the row and its key
        processor = subscription.processor
        held = processor is not None and transfers.held_by(session, processor, [subscription.id])
        found.append(Found(subscription, content, processor if held else None))
    return found


def ask_state(tools: Tools, processor_id: str, email: str) -> str:
    """Return what a programme says of an address now, outside any transaction; ``unknown`` when it cannot be asked."""
    try:
        return programmes.provider_of(tools.register.get(processor_id)).get_state(email)
    except DiscreetError as error:
        _log.warning(
            "a programme could not be asked", extra={"fields": {"processor": processor_id, "because": error.detail}}
        )
        return "unknown"
