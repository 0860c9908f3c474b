"""Rings of symmetric keys: several live ones by id, of which one is current."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import msgspec

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_OCTETS = 32


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    current: str
    keys: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Keys of 32 octets by a short random id; new things are made under ``current``."""

    keys: Mapping[str, bytes] = field(repr=False)
    current: str

    @classmethod
    def generate(cls) -> Self:
        """Make a ring of one new key."""
        key_id = secrets.token_hex(4)
        return cls({key_id: secrets.token_bytes(KEY_OCTETS)}, key_id)

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """Read a ring's file. Raises ConfigurationError."""
        try:
            ring = msgspec.json.decode(content, type=_File)
        except msgspec.MsgspecError:
            # Without a cause: it could repeat what stands in the file.
            raise ConfigurationError("A file of keys does not have the form of one.") from None
        if ring.current not in ring.keys or any(len(key) != KEY_OCTETS for key in ring.keys.values()):
            raise ConfigurationError("A file of keys lacks its current key, or a key is not of 32 octets.")
        return cls(ring.keys, ring.current)

    def encode(self) -> bytes:
        """Write a ring's file."""
        return msgspec.json.format(msgspec.json.encode(_File(self.current, dict(self.keys))), indent=2) + b"\n"

    @property
    def current_key(self) -> bytes:
        """The key new things are made under."""
        return self.keys[self.current]

    def with_new_key(self) -> Self:
        """Return a ring that has one key more, which is current."""
        new = type(self).generate()
        return type(self)({**self.keys, **new.keys}, new.current)

    def with_current_only(self) -> Self:
        """Return a ring from which the older keys are gone."""
        return type(self)({self.current: self.current_key}, self.current)
