"""What a programme told us, made ready before the transaction, and known again when it is told twice."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.newsletter import records
from services.newsletter.records import webhook_deliveries
from shared.database import insert_once
from shared.errors import InvalidInputError
from shared.many import among

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.newsletter.processors.interface import ProviderEvent
    from shared.service import Tools


@dataclass(frozen=True, slots=True)
class Heard:
    """An event with what can be known of it without the database: its keyed digest, and the refs of its addresses."""

    event: ProviderEvent
    digest: str
    refs: tuple[str, ...]
    new_refs: tuple[str, ...]

    @property
    def all_refs(self) -> tuple[str, ...]:
        """The refs of every address it names."""
        return (*self.refs, *self.new_refs)


def prepare(tools: Tools, processor: str, events: Iterable[ProviderEvent]) -> list[Heard]:
    """Return the events that can be about somebody; an address that cannot be one is nobody's we know."""
    heard = []
    for event in events:
        try:
            refs = tools.refs.emails(event.email)
            new_refs = tools.refs.emails(event.new_email) if event.new_email else ()
        except InvalidInputError:
            continue
        heard.append(Heard(event, _digest(tools, processor, f"event {event.dedupe_key}"), refs, new_refs))
    return heard


def unheard(session: Session, heard: Sequence[Heard]) -> list[Heard]:
    """Return those that were not taken in before, each once."""
    known: set[str] = set()
    for chunk in records.chunks(each.digest for each in heard):
        of_these = webhook_deliveries.c.digest.in_(chunk)
        known |= set(session.scalars(sa.select(webhook_deliveries.c.digest).where(of_these)))
    return list({each.digest: each for each in heard if each.digest not in known}.values())


def remember(session: Session, heard: Sequence[Heard], now: datetime) -> None:
    """Keep the digests, by which a repeated delivery is known."""
    insert_once(session, webhook_deliveries, [{"digest": each.digest, "received_at": now} for each in heard])


def note_opt_out(session: Session, tools: Tools, processor: str, ref: str, now: datetime) -> None:
    """Remember, as a digest, that an address we do not know said no: its change of address may still come."""
    mark = _digest(tools, processor, f"opt-out {ref}")
    insert_once(session, webhook_deliveries, [{"digest": mark, "received_at": now}])


def is_noted(session: Session, tools: Tools, processor: str, refs: Iterable[str]) -> bool:
    """Tell whether an opt-out of this address was remembered."""
    marks = [_digest(tools, processor, f"opt-out {ref}") for ref in refs]
    found = sa.select(webhook_deliveries.c.digest).where(webhook_deliveries.c.digest.in_(marks)).limit(1)
    return session.scalar(found) is not None


def noted(session: Session, tools: Tools, refs: Collection[str]) -> set[str]:
    """Return those of these addresses of which any programme of ours told a no, while nobody here had them."""
    key = _key(tools)
    programmes = [each.id for each in tools.register.of_owner(tools.name)]
    marks = {_keyed(key, programme, f"opt-out {ref}"): ref for programme in programmes for ref in refs}
    found = sa.select(webhook_deliveries.c.digest).where(among(webhook_deliveries.c.digest, marks))
    return {marks[digest] for digest in session.scalars(found)}


def _digest(tools: Tools, processor: str, said: str) -> str:
    return _keyed(_key(tools), processor, said)


def _key(tools: Tools) -> bytes:
    return tools.keys.secret("webhook-digests")


def _keyed(key: bytes, processor: str, said: str) -> str:
    """Key the digest with a secret of ours: from a plain hash an address could be guessed."""
    return hmac.digest(key, f"{processor} {said}".encode(), "sha256").hex()
