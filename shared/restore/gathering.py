"""Gathering every decision since a backup: from the journal, and from every other service."""

from __future__ import annotations

import base64
import logging
from typing import TYPE_CHECKING

import msgspec

from shared.clock import parse_utc, utc_text
from shared.database import insert_once
from shared.errors import DiscreetError
from shared.events import ANSWER_CLOSED, RECEIPT, ReceiptIssued
from shared.messaging import envelope as envelopes
from shared.messaging import inbox as inboxes
from shared.messaging.applier import ForgedEventError
from shared.messaging.envelope import UnknownEventError, UnreadableEventError
from shared.messaging.outbox import StoredEvent
from shared.propagation.issuers import LEDGER, RosterVerifier
from shared.propagation.journal import Journal
from shared.propagation.tables import receipts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from shared.service import Tools

BATCH = 200
_log = logging.getLogger(__name__)


def read_journal(tools: Tools, since: datetime, now: datetime) -> int:
    """Take in what the journal has since then, where this service can read it; return how many events were new."""
    journal = Journal(tools.settings.journal)
    taken = _take_in(tools, _events(journal.read(), since), now)
    words = list(_events(journal.read_words(), since))
    answers = [event for event in words if event.type == RECEIPT]
    taken += _keep_receipts(tools, answers)
    if tools.name == LEDGER:
        taken += _take_in(tools, answers, now)
    return taken + _take_in(tools, [event for event in words if event.type == ANSWER_CLOSED], now)


def ask_everybody(tools: Tools, peers: Sequence[str], since: datetime, now: datetime) -> int:
    """Take in what the other services know; return how many events were new. Raises RetryableError.

    What two people closed comes last: before its decision it would be about nothing.
    """
    closings: list[StoredEvent] = []
    taken = 0
    for peer in peers:
        said = tools.claims.ask_pages(peer, "decision-log", {"since": utc_text(since), "limit": str(BATCH)})
        events = [_event(item) for item in said]
        closings += [event for event in events if event.type == ANSWER_CLOSED]
        taken += _keep_receipts(tools, [event for event in events if event.type == RECEIPT])
        taken += _take_in(tools, [event for event in events if event.type not in (ANSWER_CLOSED, RECEIPT)], now)
    return taken + _take_in(tools, closings, now)


def _take_in(tools: Tools, events: Iterable[StoredEvent], now: datetime) -> int:
    taken = 0
    for batch in _batches(events):
        with tools.database.transaction() as session:
            taken += inboxes.store_new(session, batch, now=now)
    return taken


def _keep_receipts(tools: Tools, events: Sequence[StoredEvent]) -> int:
    """Keep our own receipts that somebody else still has: what a processor answered before need not be asked again."""
    verifier = RosterVerifier(tools.roster)
    rows = [row for event in events if (row := _receipt(tools.name, verifier, event)) is not None]
    with tools.database.transaction() as session:
        return insert_once(session, receipts, rows)


def _receipt(service: str, verifier: RosterVerifier, event: StoredEvent) -> dict[str, object] | None:
    try:
        envelope = envelopes.read(event.body)
        said = envelopes.read_event(envelope)
        verifier.check(envelope, said, event, base64.b64decode(event.signature, validate=True))
    except (UnreadableEventError, UnknownEventError, ForgedEventError, ValueError) as error:
        _log.error("a receipt that was given back does not hold", extra={"fields": {"because": type(error).__name__}})
        return None
    if not isinstance(said, ReceiptIssued) or said.service != service:
        return None
    return {
        "event_id": envelope.id,
        "decision": said.decision,
        "processor": said.processor or "",
        "action": said.action,
        "outcome": said.outcome,
        "type": event.type,
        "body": event.body,
        "signature": event.signature,
        "key_id": event.key_id,
        "issued_at": envelope.time,
    }


def _event(said: dict[str, str]) -> StoredEvent:
    """Take an event over. Raises DiscreetError for what is none: a peer that speaks otherwise is not understood."""
    try:
        return StoredEvent(
            *(msgspec.convert(said[name], str) for name in ("event_id", "type", "body", "signature", "key_id"))
        )
    except (KeyError, TypeError, msgspec.ValidationError) as error:
        raise DiscreetError("what should be an event is none") from error


def _events(lines: Iterable[dict[str, str]], since: datetime) -> Iterator[StoredEvent]:
    return (_event(line) for line in lines if parse_utc(line["recorded_at"]) >= since)


def _batches(events: Iterable[StoredEvent]) -> Iterator[list[StoredEvent]]:
    batch: list[StoredEvent] = []
    for event in events:
        batch.append(event)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
