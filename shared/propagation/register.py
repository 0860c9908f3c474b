"""The register of processors: every outside party that may get personal data, what it gets, and what it is told."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit

from shared.configuration import read_configuration
from shared.errors import NotFoundError
from shared.propagation.register_schema import ProcessorSchema, RegisterSchema, resolve_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date
    from pathlib import Path

    from shared.policy.parts import Span
    from shared.propagation.register_schema import Sandbox

Role = Literal["bookkeeper", "crm", "website-host", "mail-host", "newsletter", "staff-tool", "other"]
TransferGround = Literal["none", "adequacy", "scc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SubProcessor:
    """A party that a processor uses in its turn (P101)."""

    name: str
    country: str
    transfer_ground: TransferGround


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """The processing agreement of AVG art. 28, from the day it was signed through the day it ends, if it does."""

    signed: date
    ends: date | None
    sub_processors: tuple[SubProcessor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """The named person at a processor."""

    name: str
    email: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A category of data that a processor gets, and exactly which fields of it."""

    category: str
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Processor:
    """One processor. ``settings`` are its adapter's, with the content of secret files in them.

    ``decisions`` are the kinds it is told of; ``always`` also where no transfer to it is recorded.
    ``answer_within`` is the time its agreement gives it to answer.
    """

    id: str
    name: str
    role: Role
    owner: str
    status: Literal["active", "ended"]
    adapter: str
    settings: Mapping[str, str | int | bool] = field(repr=False)
    receives: tuple[Given, ...]
    decisions: tuple[str, ...]
    always: bool
    agreement: Agreement | None
    country: str
    transfer_ground: TransferGround
    contact: Contact
    answer_within: Span

    def may_receive(self, on: date) -> bool:
        """Whether it may be given data that day (P46): active, with an agreement in force.

        This gates only what gives data; a decision always goes to whoever had them.
        """
        if self.status != "active" or self.agreement is None or on < self.agreement.signed:
            return False
        return self.agreement.ends is None or on <= self.agreement.ends

    @property
    def by_number(self) -> bool:
        """Whether it knows our records by their ids: such a processor is never told whom a decision is about."""
        return self.adapter == "feed"

    @property
    def hosts(self) -> frozenset[str]:
        """The only hosts that connections to it may go to (P3)."""
        addresses = [str(value) for name, value in self.settings.items() if name.endswith("url")]
        named = [str(value) for name, value in self.settings.items() if name == "host" or name.endswith("_host")]
        return frozenset(host for host in (*(urlsplit(each).hostname for each in addresses), *named) if host)

    def public(self) -> dict[str, Any]:
        """Return what staff may read of it: all but the settings."""
        return {"id": self.id, **ProcessorSchema(exclude=("settings",)).dump(self)}


@dataclass(frozen=True, slots=True)
class Register:
    """All processors, in the order of the file; ``digest`` is the SHA-256 of what the file says of them, in hex."""

    processors: tuple[Processor, ...]
    digest: str

    @classmethod
    def load(cls, path: Path, *, sandbox: Sandbox | None = None, owner: str | None = None) -> Self:
        """Read and check the file; ``sandbox`` holds, by processor, what a value ``sandbox:<processor>.<name>`` is.

        Without one, as in live, such a value is refused. Secret files are read from the register's own folder
        unless their paths are absolute. With an ``owner`` only the processors of that service get their settings:
        no service holds what opens another's. Raises ConfigurationError that names every key that is wrong.
        """
        file = read_configuration(path, RegisterSchema, lambda said: _made(said, path.parent, sandbox, owner))
        return cls(file.made, _digest(file.said["processors"]))

    def __iter__(self) -> Iterator[Processor]:
        """Go through all of them."""
        return iter(self.processors)

    def get(self, processor_id: str) -> Processor:
        """Return a processor, also one that has ended. Raises NotFoundError."""
        for processor in self.processors:
            if processor.id == processor_id:
                return processor
        raise NotFoundError("There is no such processor on the register.")

    def of_owner(self, service: str) -> tuple[Processor, ...]:
        """Return the processors a service faces."""
        return tuple(processor for processor in self.processors if processor.owner == service)

    def for_kind(self, kind: str) -> tuple[Processor, ...]:
        """Return the processors that are told of a kind of decision; those that ended still are."""
        return tuple(processor for processor in self.processors if kind in processor.decisions)


def _made(said: Mapping[str, Any], folder: Path, sandbox: Sandbox | None, owner: str | None) -> tuple[Processor, ...]:
    processors: Mapping[str, Mapping[str, Any]] = said["processors"]
    opened = {name: each for name, each in processors.items() if owner in (None, each["owner"])}
    settings = resolve_settings(opened, folder, sandbox)
    return tuple(_processor(name, {**each, "settings": settings.get(name, {})}) for name, each in processors.items())


def _processor(processor_id: str, said: Mapping[str, Any]) -> Processor:
    parts = {
        "decisions": tuple(said["decisions"]),
        # Who has ended is told of what it had, and of nothing it never had.
        "always": said["always"] and said["status"] == "active",
        "receives": tuple(Given(category=each["category"], fields=tuple(each["fields"])) for each in said["receives"]),
        "contact": Contact(**said["contact"]),
        "agreement": said["agreement"] and _agreement(said["agreement"]),
    }
    return Processor(id=processor_id, **{**said, **parts})


def _agreement(said: Mapping[str, Any]) -> Agreement:
    return Agreement(**{**said, "sub_processors": tuple(SubProcessor(**each) for each in said["sub_processors"])})


def _digest(said: Mapping[str, Mapping[str, Any]]) -> str:
    """Digest what is said, not the bytes: comments, order and where secrets lie do not make another register."""
    content = {
        processor: {**each, "settings": {k: v for k, v in each.get("settings", {}).items() if not k.endswith("_file")}}
        for processor, each in said.items()
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
