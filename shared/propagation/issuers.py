"""Who may order what: every event is checked against the roster, whatever moved it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature

from shared.errors import DiscreetError
from shared.events import DECISION_KINDS, Decision, ReceiptIssued, kind_of
from shared.messaging.applier import ForgedEventError

if TYPE_CHECKING:
    from shared.events import Event
    from shared.messaging.envelope import Envelope
    from shared.messaging.outbox import StoredEvent
    from shared.roster import Roster

REQUESTS_ONLY = frozenset(DECISION_KINDS) - {"unsubscribe", "term-end"}
ISSUERS: dict[str, frozenset[str]] = {
    "intake": frozenset({"term-end"}),
    "dossier": frozenset({"term-end"}),
    "newsletter": frozenset({"unsubscribe", "term-end"}),
    # A withdrawal at the counter, or ledger entries whose own term ended.
    "requests": REQUESTS_ONLY | {"unsubscribe", "term-end"},
}


class RosterVerifier:
    """Accepts an event when the key is on the roster, belongs to its source, and may announce its kind."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    def check(self, envelope: Envelope, event: Event | None, stored: StoredEvent, signature: bytes) -> None:
        """Raise ForgedEventError unless signature, holder, purpose, validity and kind are right."""
        try:
            key = self._roster.public_key(stored.key_id)
        except DiscreetError as error:
            raise ForgedEventError("the key is not on the roster") from error
        if key.purpose != "events" or key.holder != envelope.service:
            raise ForgedEventError("the key does not belong to the source")
        if not key.valid_at(envelope.time):
            raise ForgedEventError("the key was not valid when the event was made")
        try:
            key.public_key.verify(signature, stored.body.encode())
        except InvalidSignature as error:
            raise ForgedEventError("the signature does not hold") from error
        kind = kind_of(envelope.type)
        if kind is not None and kind in DECISION_KINDS and kind not in ISSUERS.get(envelope.service, frozenset()):
            raise ForgedEventError("this service may not order this")
        _check_names(envelope, event)


def _check_names(envelope: Envelope, event: Event | None) -> None:
    """A service speaks for itself only: the names inside must be those of the signed source."""
    if isinstance(event, Decision) and (event.issuer != envelope.service or event.decision != envelope.decisionid):
        raise ForgedEventError("the decision names another issuer or id than its envelope")
    if isinstance(event, ReceiptIssued) and event.service != envelope.service:
        raise ForgedEventError("the receipt speaks for another service")
