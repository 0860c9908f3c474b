"""Asking a programme that has no webhooks who left: what it answers becomes the same as what others tell."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

from services.newsletter import programmes, records
from services.newsletter.actions import hearing
from services.newsletter.actions.heard import prepare
from shared.errors import OutsideError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from services.newsletter.processors.interface import ProviderEvent
    from shared.propagation.register import Processor
    from shared.service import Tools

OVERLAP = timedelta(minutes=15)
"""What is read again each time: a change there is seen only once its transaction ended, later than its own time."""
_log = logging.getLogger(__name__)


def ask_all(tools: Tools, now: datetime) -> None:
    """Ask every programme that has to be asked; one that cannot be reached is asked from the same time on again."""
    for processor in programmes.to_ask(tools.register):
        try:
            _ask(tools, processor, now)
        except OutsideError as error:
            details = {"processor": processor.id, "because": error.detail}
            _log.warning("a programme could not be asked who left", extra={"fields": details})


def _ask(tools: Tools, processor: Processor, now: datetime) -> None:
    """Take in page by page, and remember how far only after the last: what is read again is known by its digest.

    How far goes by the programme's clock, which may differ from ours; but never into our future, or an hour that
    it is ahead would be an hour in which nobody is heard.
    """
    with tools.database.reading() as session:
        before = records.read_to(session, processor.id)
    newest = before
    for events in programmes.asked_of(processor).poll(before - OVERLAP if before else None):
        _take_in(tools, processor.id, events, now)
        newest = max([each for each in (newest, *(event.occurred_at for event in events)) if each], default=None)
    if newest is not None and newest != before:
        with tools.database.transaction() as session:
            records.note_read_to(session, processor.id, min(newest, now))


def _take_in(tools: Tools, processor: str, events: Sequence[ProviderEvent], now: datetime) -> None:
    heard = prepare(tools, processor, events)
    if not heard:
        return
    with tools.database.transaction() as session:
        results = hearing.take_in(session, tools, processor, heard, now=now)
        results += Counter(rejected=len(events) - len(heard))
        for result, number in results.items():
            if result != "repeated":  # the overlap is repeated every time
                records.count_up(session, f"poll.{result}", now, number)
