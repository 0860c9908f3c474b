"""The roster: whose public key is which, for what and from when until when, signed by the clinic's root key."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, Self, get_args

import msgspec

from shared.errors import ConfigurationError, IntegrityError
from shared.signing import PUBLIC_KEY_OCTETS, is_signed, key_id_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Purpose = Literal["events", "claims", "staff-tokens", "tool-tokens"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
VERSION = 1
SIGNATURE_SUFFIX = ".sig"

Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class RosterKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A public key (32 raw octets), its holder, the one thing it is for, and its validity.

    ``not_before`` is part of the validity, ``not_after`` is not; None means that no end is set.
    """

    key_id: str
    holder: str
    purpose: Purpose
    public_key: bytes
    not_before: Moment
    not_after: Moment | None = None

    def is_valid(self, at: datetime) -> bool:
        """Tell whether the key may be relied on for something of that moment."""
        return self.not_before <= at and (self.not_after is None or at < self.not_after)

    def verifies(self, signature: bytes, content: bytes) -> bool:
        """Tell whether the signature over exactly these bytes is by this key."""
        return is_signed(self.public_key, signature, content)


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    version: int
    serial: int
    keys: list[RosterKey]


@dataclass(frozen=True, slots=True)
class Roster:
    """A roster whose root signature was checked; ``document`` and ``signature`` are what a proof carries along."""

    serial: int
    keys: tuple[RosterKey, ...]
    document: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @classmethod
    def load(cls, path: Path, root_public_key: bytes) -> Self:
        """Read ``path`` and the signatures beside it. Raises ConfigurationError, IntegrityError."""
        try:
            document = path.read_bytes()
            signatures = path.with_name(path.name + SIGNATURE_SUFFIX).read_text(encoding="ascii").split()
        except FileNotFoundError as error:
            raise ConfigurationError(f"{error.filename} is missing: `discreet key make` writes it.") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path} or its signature cannot be read.") from error
        return cls.verified(document, map(_signature_of, signatures), root_public_key)

    @classmethod
    def verified(cls, document: bytes, signatures: Iterable[bytes], root_public_key: bytes) -> Self:
        """Accept exactly these bytes when one of the signatures over them is the root key's.

        Raises IntegrityError when none is, or when what the root signed is not a roster.
        """
        signature = next((each for each in signatures if is_signed(root_public_key, each, document)), None)
        if signature is None:
            raise IntegrityError("The roster is not signed by the clinic's root key.")
        try:
            content = msgspec.json.decode(document, type=_Document)
        except msgspec.MsgspecError as error:
            raise IntegrityError("The roster does not have the form of one.") from error
        _check(content)
        return cls(content.serial, tuple(content.keys), document, signature)

    def public_key(self, key_id: str) -> RosterKey | None:
        """Return the key of that id, whether or not it is valid now, or None."""
        return next((key for key in self.keys if key.key_id == key_id), None)

    def events_key_of(self, service: str, key_id: str, at: datetime) -> RosterKey | None:
        """Return the key if it is that service's key for events and was valid at ``at``, else None."""
        key = self.public_key(key_id)
        if key is None or key.holder != service or key.purpose != "events" or not key.is_valid(at):
            return None
        return key


def roster_document(serial: int, keys: Iterable[RosterKey]) -> bytes:
    """Write a roster as the bytes the root key signs; refuses what ``Roster.verified`` would refuse."""
    ordered = sorted(keys, key=lambda key: (key.holder, key.purpose, key.not_before, key.key_id))
    content = _Document(version=VERSION, serial=serial, keys=ordered)
    _check(content)
    return msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n"


def signature_text(signatures: Iterable[bytes]) -> bytes:
    """Write the signatures beside a roster: one a line, base64, the newest first.

    The last one stays for one more turn. It is written before the roster, so whoever reads in between finds a
    signature for whichever roster they got.
    """
    return b"".join(b64encode(signature) + b"\n" for signature in signatures)


def _signature_of(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""


def _check(content: _Document) -> None:
    if content.version != VERSION:
        raise IntegrityError("The roster is of a version this program does not know.")
    for key in content.keys:
        if len(key.public_key) != PUBLIC_KEY_OCTETS or key.key_id != key_id_of(key.public_key):
            raise IntegrityError("A key on the roster does not have the id of its public key.")
        if key.not_after is not None and key.not_after < key.not_before:
            raise IntegrityError("A key on the roster ends before it begins.")
    if any(count > 1 for count in Counter(key.key_id for key in content.keys).values()):
        raise IntegrityError("A key is on the roster twice.")


@dataclass(slots=True)
class RosterFile:
    """The roster as it is on disk now: read again when the file changed, so that a rotation needs no restart."""

    path: Path
    root_public_key: bytes
    _read: tuple[tuple[int, int, int], Roster] | None = field(default=None, init=False, repr=False)

    def current(self) -> Roster:
        """Return the roster. Raises ConfigurationError, IntegrityError."""
        try:
            status = self.path.stat()
        except OSError:
            return Roster.load(self.path, self.root_public_key)  # which says what is missing
        version = (status.st_mtime_ns, status.st_ino, status.st_size)
        if self._read is None or self._read[0] != version:
            self._read = (version, Roster.load(self.path, self.root_public_key))
        return self._read[1]
