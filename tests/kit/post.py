"""Two services between which a test carries events by hand: what one announces, the other is given."""

from __future__ import annotations

import base64
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from shared.composition import build_applier
from shared.events import ContactFormReceived
from shared.messaging import envelope as envelopes
from shared.messaging import inbox as inboxes
from shared.messaging.outbox import StoredEvent
from shared.messaging.tables import inbox
from tests.kit.installation import Installation, bare_service

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.service import Tools

FACT = "discreet.fact.contact-form-received.v1"


class RefusedError(Exception):
    """What the newsletter says to a form it cannot handle."""


@dataclass
class Post:
    """The intake announces contact forms; the newsletter notes each, and fails at those in ``failing``."""

    home: Path
    environ: Mapping[str, str] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Put both services together."""
        services = {
            "intake": bare_service("intake"),
            "newsletter": bare_service("newsletter", handlers={FACT: (self._hear,)}),
        }
        self.installation = Installation(self.home, services=services, environ=self.environ)

    def _hear(self, _session: Session, _tools: Tools, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            form = delivery.event.form  # type: ignore[union-attr]
            if form in self.failing:
                raise RefusedError(form)
            self.heard.append(form)

    @property
    def clock(self):
        """The test's own clock."""
        return self.installation.clock

    @property
    def tools(self) -> Tools:
        """Those of the newsletter, which receives."""
        return self.installation.tools["newsletter"]

    def form(self, name: str, **attributes: Any) -> StoredEvent:
        """An event of the intake as it is sent, with other attributes than it would have if wanted."""
        return self.signed(
            "intake", FACT, msgspec.json.encode(ContactFormReceived(form=name, newsletter=True)), **attributes
        )

    def signed(self, service: str, event_type: str, data: bytes, **attributes: Any) -> StoredEvent:
        """An event signed by that service's own key; its source is the service unless said otherwise."""
        given = {
            "id": str(uuid.uuid4()),
            "source": f"/services/{service}",
            "type": event_type,
            "time": self.clock(),
            "data": msgspec.Raw(data),
        }
        body = envelopes.write(envelopes.Envelope(**given | attributes))
        key = self.installation.tools[service].keys.events
        signature = base64.b64encode(key.sign(body.encode())).decode()
        return StoredEvent(envelopes.read(body).id, event_type, body, signature, key.key_id)

    def deliver(self, *events: StoredEvent) -> None:
        """Put events in the newsletter's inbox."""
        with self.tools.database.transaction() as session:
            inboxes.store(session, events, now=self.clock())

    def apply(self) -> int:
        """Let the newsletter apply what waits, once."""
        return build_applier(self.installation.services["newsletter"], self.tools).apply()

    def rows(self) -> list[dict[str, Any]]:
        """The newsletter's inbox, the first first."""
        with self.tools.database.reading() as session:
            return [dict(row) for row in session.execute(sa.select(inbox).order_by(inbox.c.id)).mappings()]

    def states(self) -> list[tuple[str, str | None]]:
        """State and problem of each row of the inbox."""
        return [(row["state"], row["problem"]) for row in self.rows()]

    def close(self) -> None:
        """Let go of connections."""
        self.installation.close()


def tampered(event: StoredEvent, old: str, new: str) -> StoredEvent:
    """The same event with other words under the same signature."""
    assert old in event.body
    return replace(event, body=event.body.replace(old, new))
