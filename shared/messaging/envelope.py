"""CloudEvents 1.0 in structured JSON: the one form an event has in an outbox, on the wire and in an inbox."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated

import msgspec

from shared.events import CATALOGUE, OWN, Moment

if TYPE_CHECKING:
    from shared.events import Event


# As long as the columns they are kept in, and printable: cut off, two events could become one.
EventId = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,64}$")]
Source = Annotated[str, msgspec.Meta(pattern=r"^/services/[a-z-]{1,50}$")]
Type = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,100}$")]
DecisionId = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,36}$")]


class UnreadableEventError(Exception):
    """Bytes that are no CloudEvent, or whose data do not fit their type."""


class UnknownEventError(UnreadableEventError):
    """A CloudEvent of a type that this release does not know."""


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The attributes of a CloudEvent; ``data`` stays raw until its type is known.

    ``sequence`` counts per source and incarnation (``<incarnation>.<number>``); it tells of gaps and is
    never a condition for correctness.
    """

    id: EventId
    source: Source
    type: Type
    time: Moment
    data: msgspec.Raw
    specversion: str = "1.0"
    datacontenttype: str = "application/json"
    decisionid: DecisionId | None = None
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
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableEventError("not a CloudEvent of ours") from error
    if envelope.specversion != "1.0":
        raise UnreadableEventError("not CloudEvents 1.0")
    return envelope


def read_event(envelope: Envelope) -> Event:
    """Read the data by the envelope's type. Raises UnknownEventError or UnreadableEventError."""
    event_class = CATALOGUE.get(envelope.type) or OWN.get(envelope.type)
    if event_class is None:
        raise UnknownEventError("unknown event type")
    try:
        return msgspec.json.decode(envelope.data, type=event_class)
    except msgspec.DecodeError as error:
        raise UnreadableEventError("the data do not fit the event's type") from error


def digest(body: str) -> str:
    """Return the SHA-256 of an event's exact bytes, in hex."""
    return hashlib.sha256(body.encode()).hexdigest()
