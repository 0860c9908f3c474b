"""What a programme posted to us: kept sealed while it is answered, and acted on by the worker, many together.

A programme waits for its answer, and gives up one that takes long or fails; what we have by then is on the disk. The
rows of a delivery that nobody could act on are set aside like those of any event.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from services.newsletter import records
from services.newsletter.actions import heard, hearing
from services.newsletter.editions import actions as editions
from services.newsletter.processors.interface import ParsedWebhook
from shared.events import ProgrammeTold
from shared.messaging import inbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.messaging.outbox import StoredEvent
    from shared.service import Tools
    from shared.vault import Sealed

_log = logging.getLogger(__name__)


class Kept(NamedTuple):
    """A delivery made ready to be kept: an event of our own, and what the programme said, sealed for it."""

    event: StoredEvent
    sealed: Sealed


def prepare(tools: Tools, processor: str, proofs: Sequence[str], parsed: ParsedWebhook, *, now: datetime) -> Kept:
    """Seal what a programme told, before the transaction."""
    event = tools.outbox.for_oneself(ProgrammeTold(processor=processor, proofs=tuple(proofs)), now=now)
    return Kept(event, tools.vault.seal_bytes(event.event_id, msgspec.json.encode(parsed)))


def keep(session: Session, kept: Kept, *, now: datetime) -> None:
    """Have the worker act on it once this transaction commits."""
    inbox.keep(session, kept.event, kept.sealed, now=now)


def act_on(session: Session, tools: Tools, deliveries: Sequence[Delivery]) -> None:
    """Act on what programmes told, in the order in which it came; each counts from when it came in."""
    sealed = {each.stored.event_id: each.sealed for each in deliveries if each.sealed is not None}
    contents = tools.vault.open_many(sealed)
    for delivery in deliveries:
        if delivery.stored.event_id in contents and isinstance(delivery.event, ProgrammeTold):
            parsed = msgspec.convert(contents[delivery.stored.event_id], ParsedWebhook)
            with delivery.traced():
                _act_on(session, tools, delivery, delivery.event, parsed)
    if lost := len(sealed) - len(contents):
        _pass_by(session, lost, deliveries[-1].now)
    tools.vault.destroy_after_commit(session, [each.key_id for each in sealed.values()])


def _pass_by(session: Session, lost: int, now: datetime) -> None:
    """Say that some have no key any more, which follows a backup that was put back.

    Of data: they were acted on before. Of keys alone: they were not, and only the comparison finds what they said.
    """
    records.count_up(session, "webhook.unreadable", now, lost)
    _log.warning("what a programme told cannot be read any more", extra={"fields": {"deliveries": lost}})


def _act_on(session: Session, tools: Tools, delivery: Delivery, told: ProgrammeTold, parsed: ParsedWebhook) -> None:
    told_at = delivery.envelope.time
    about = heard.prepare(tools, told.processor, parsed.events)
    results = hearing.take_in(session, tools, told.processor, about, now=delivery.now, told_at=told_at)
    results += Counter(edition=editions.note_told(session, told.processor, parsed.campaigns, told_at))
    results += Counter(ignored=parsed.ignored, rejected=parsed.rejected + len(parsed.events) - len(about))
    for result, number in results.items():
        records.count_up(session, f"webhook.{result}", told_at, number)
    _log.info(
        "what a programme told was taken in",
        extra={"fields": {"processor": told.processor, "proofs": told.proofs, **results}},
    )
