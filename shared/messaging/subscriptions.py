"""Who listens to what: derived from the handlers that exist, so that it cannot drift from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.events import DECISION_KINDS, OWN, decision_type, routing_key

if TYPE_CHECKING:
    from collections.abc import Mapping

DECISIONS = frozenset(decision_type(kind) for kind in DECISION_KINDS)


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """Per service the event types its handlers react to; every service hears every decision."""

    types: Mapping[str, frozenset[str]]

    def wants(self, service: str, event_type: str) -> bool:
        """Tell whether an event of this type goes to ``service``; unknown decisions too, to be answered."""
        return event_type.startswith("discreet.decision.") or event_type in self.types[service]

    def binding_keys(self, service: str) -> tuple[str, ...]:
        """Return the topic patterns that bind the queue of ``service``, whoever publishes."""
        others = sorted(routing_key(name, "*") for name in self.types[service] - DECISIONS - OWN.keys())
        return ("decision.#", *others)
