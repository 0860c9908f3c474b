"""CloudEvents 1.0 in structured JSON: the one form an event has in an outbox, on the wire and in an inbox."""

from __future__ import annotations

import hashlib
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec

from shared.events import CATALOGUE

if TYPE_CHECKING:
    from shared.events import Event


class UnreadableEventError(Exception):
    """Bytes that are no CloudEvent, or whose data do not fit their type."""


class UnknownEventError(UnreadableEventError):
    """A CloudEvent of a type that this release does not know."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of a CloudEvent; ``data`` stays raw until its type is known.

    ``sequence`` counts per source and incarnation (``<incarnation>.<number>``); it tells of gaps and is
    never a condition for correctness.
    """

    id: str
    source: str
    type: str
    time: datetime
    data: msgspec.Raw
    specversion: str = "1.0"
    datacontenttype: str = "application/json"
    decisionid: str | None = None
    sequence: str | None = None
    traceparent: str | None = None

    @property
    def service(self) -> str:
        """The service that says it is the source."""
        return self.source.removeprefix("/services/")


def write(envelope: Envelope) -> str:
    """Return the exact text that is stored, signed and sent; absent extensions are left out."""
    attributes = {name: getattr(envelope, name) for name in envelope.__struct_fields__}
    return msgspec.json.encode({name: value for name, value in attributes.items() if value is not None}).decode()


def read(body: str | bytes) -> Envelope:
    """Read an envelope. Raises UnreadableEventError."""
    try:
        envelope = msgspec.json.decode(body, type=Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableEventError("not a CloudEvent") from error
    if envelope.specversion != "1.0" or not envelope.source.startswith("/services/"):
        raise UnreadableEventError("not a CloudEvent of ours")
    return envelope


def read_event(envelope: Envelope) -> Event:
    """Read the data by the envelope's type. Raises UnknownEventError or UnreadableEventError."""
    event_class = CATALOGUE.get(envelope.type)
    if event_class is None:
        raise UnknownEventError("unknown event type")
    try:
        return msgspec.json.decode(envelope.data, type=event_class)
    except msgspec.DecodeError as error:
        raise UnreadableEventError("the data do not fit the event's type") from error


def digest(body: str) -> str:
    """Return the SHA-256 of an event's exact bytes, in hex."""
    return hashlib.sha256(body.encode()).hexdigest()
