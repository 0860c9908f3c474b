"""Callbacks: what a processor tells of a request by itself, believed only when it is signed."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from shared.errors import ForbiddenError, MalformedBodyError, PermanentError, RetryableError, UnavailableError
from shared.processors.opendsr.party import Party
from shared.processors.opendsr.progress import FINAL, take
from shared.processors.opendsr.signatures import UnprovenError, read_signed
from shared.processors.opendsr.wire import UnreadableAnswerError, read_status
from shared.propagation.obligations import wake_asked

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from shared.processors.opendsr.party import Proof
    from shared.processors.opendsr.signatures import Headers
    from shared.service import Tools

ADAPTER = "opendsr"
_log = logging.getLogger(__name__)


def hear(tools: Tools, headers: Headers, body: bytes, *, now: datetime) -> None:
    """Take in a callback; the same one again changes nothing.

    The body is not parsed before its signature holds, and nothing is fetched for a domain that is not on the
    register. Raises ForbiddenError for what is not proven or not for us, MalformedBodyError, NotFoundError for
    a request that is not ours, and UnavailableError when the certificate cannot be had now.
    """
    try:
        parties = _parties(tools, read_signed(headers, body).domain)
    except UnprovenError as error:
        raise ForbiddenError(error.detail) from error
    party = parties[0]
    proof = _proof(party, headers, body)
    try:
        note = read_status(body)
    except UnreadableAnswerError as error:
        raise MalformedBodyError("The callback is not what OpenDSR says it is.") from error
    if note.callback_url != party.callback_url:
        raise ForbiddenError("The callback is for another address.")
    names = [each.processor.id for each in parties]
    with tools.database.transaction() as session:
        row = take(session, note, proof, names, source="callback", now=now)
        if row["status"] in FINAL:
            about = {name: row[name] for name in ("decision", "processor", "action")}
            wake_asked(session, **about, now=now)


def _parties(tools: Tools, domain: str) -> Sequence[Party]:
    """Return the processors of this service with this domain, also those that ended: they still owe answers."""
    ours = [Party.of(tools, each) for each in tools.register.of_owner(tools.name) if each.adapter == ADAPTER]
    found = [each for each in ours if each.settings.domain == domain]
    if not found:
        raise ForbiddenError("The domain is not that of a processor on the register.")
    return found


def _proof(party: Party, headers: Headers, body: bytes) -> Proof:
    try:
        return party.prove(headers, body, sparing=True)
    except (UnprovenError, PermanentError) as error:
        fields = {"processor": party.processor.id, "because": error.detail}
        _log.warning("a callback was not proven", extra={"fields": fields})
        raise ForbiddenError(error.detail) from error
    except RetryableError as error:
        raise UnavailableError(party.processor.id, "The processor's certificate cannot be had now.") from error
