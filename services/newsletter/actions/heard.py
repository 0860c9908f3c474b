"""What a programme told us, made ready before the transaction, and known again when it is told twice."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services.newsletter.records import webhook_deliveries
from shared.errors import InvalidInputError
from shared.many import among, insert_new

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
    heard, key = [], _key(tools)
    for event in events:
        try:
            refs = tools.refs.emails(event.email)
            new_refs = tools.refs.emails(event.new_email) if event.new_email else ()
        except InvalidInputError:
            continue
        heard.append(Heard(event, _keyed(key, processor, f"event {event.dedupe_key}"), refs, new_refs))
    return heard


def remember(session: Session, heard: Sequence[Heard], now: datetime) -> list[Heard]:
    """Keep the digests, by which a repeated delivery is known; return those that were not heard before, each once."""
    by_digest = {each.digest: each for each in heard}
    new = insert_new(session, webhook_deliveries.c.digest, by_digest, {"received_at": now})
    return [each for digest, each in by_digest.items() if digest in new]


def note_opt_outs(session: Session, tools: Tools, processor: str, refs: Iterable[str], now: datetime) -> None:
    """Remember, as digests, that addresses we do not know said no: their change of address may still come."""
    insert_new(session, webhook_deliveries.c.digest, _marks(tools, processor, refs), {"received_at": now})


def is_noted(session: Session, tools: Tools, processor: str, refs: Iterable[str]) -> bool:
    """Tell whether an opt-out of this address was remembered."""
    marks = _marks(tools, processor, refs)
    found = sa.select(webhook_deliveries.c.digest).where(among(webhook_deliveries.c.digest, marks)).limit(1)
    return session.scalar(found) is not None


def noted(session: Session, tools: Tools, refs: Collection[str]) -> set[str]:
    """Return those of these addresses of which any programme of ours told a no, while nobody here had them."""
    key = _key(tools)
    programmes = [each.id for each in tools.register.of_owner(tools.name)]
    marks = {_keyed(key, programme, f"opt-out {ref}"): ref for programme in programmes for ref in refs}
    found = sa.select(webhook_deliveries.c.digest).where(among(webhook_deliveries.c.digest, marks))
    return {marks[digest] for digest in session.scalars(found)}


def _marks(tools: Tools, processor: str, refs: Iterable[str]) -> list[str]:
    key = _key(tools)
    return [_keyed(key, processor, f"opt-out {ref}") for ref in refs]


def _key(tools: Tools) -> bytes:
    return tools.keys.secret("webhook-digests")


def _keyed(key: bytes, processor: str, said: str) -> str:
    """Key the digest with a secret of ours: from a plain hash an address could be guessed."""
    return hmac.digest(key, f"{processor} {said}".encode(), "sha256").hex()
