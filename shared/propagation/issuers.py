"""Who may order what: every event is checked against the roster, whatever moved it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from shared.events import (
    DECISION_KINDS,
    UNCONFIRMED,
    AnswerClosed,
    Decision,
    DecisionClosed,
    DecisionRegistered,
    ReceiptIssued,
    kind_of,
)
from shared.messaging.applier import ForgedEventError

if TYPE_CHECKING:
    from shared.events import Event
    from shared.messaging.envelope import Envelope
    from shared.messaging.outbox import StoredEvent
    from shared.roster import RosterFile, RosterKey

REQUESTS_ONLY = frozenset(DECISION_KINDS) - {"unsubscribe", "term-end"}
ISSUERS: dict[str, frozenset[str]] = {
    "intake": frozenset({"term-end"}),
    "dossier": frozenset({"term-end"}),
    "newsletter": frozenset({"unsubscribe", "term-end"}),
    # A withdrawal at the counter, or ledger entries whose own term ended.
    "requests": REQUESTS_ONLY | {"unsubscribe", "term-end"},
}

REMEMBERED = 1000
LEDGER = "requests"
"""The service whose ledger says what became of a decision; nobody else may say that for it."""


class RosterVerifier:
    """Accepts an event when its key is on the roster, belongs to its source, and may announce its kind."""

    def __init__(self, roster: RosterFile) -> None:
        self._roster = roster

    def check(self, envelope: Envelope, event: Event | None, stored: StoredEvent, signature: bytes) -> None:
        """Raise ForgedEventError unless signature, holder, purpose, validity and kind are right."""
        key = self._roster.current().events_key_of(envelope.service, stored.key_id, envelope.time)
        if key is None:
            raise ForgedEventError("the roster has no such key of the source for that time")
        if not _holds(key, signature, stored.body):
            raise ForgedEventError("the signature does not hold")
        kind = kind_of(envelope.type)
        if kind is not None and kind in DECISION_KINDS and kind not in ISSUERS.get(envelope.service, frozenset()):
            raise ForgedEventError("this service may not order this")
        _check_names(envelope, event)


@lru_cache(maxsize=REMEMBERED)
def _holds(key: RosterKey, signature: bytes, body: str) -> bool:
    """Check a signature over exactly these bytes once: in one process all services hear of most events."""
    return key.verifies(signature, body.encode())


def _check_names(envelope: Envelope, event: Event | None) -> None:
    """A service speaks for itself only: the names inside must be those of the signed source."""
    if isinstance(event, Decision) and (event.issuer != envelope.service or event.decision != envelope.decisionid):
        raise ForgedEventError("the decision names another issuer or id than its envelope")
    if isinstance(event, ReceiptIssued) and event.service != envelope.service:
        raise ForgedEventError("the receipt speaks for another service")
    if isinstance(event, ReceiptIssued) and event.outcome == UNCONFIRMED:
        raise ForgedEventError("nobody answers that there was no answer")
    if isinstance(event, DecisionRegistered | DecisionClosed | AnswerClosed) and envelope.service != LEDGER:
        raise ForgedEventError("only the ledger may say this")
