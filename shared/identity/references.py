"""References: what an event says instead of an address or a number."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.errors import ConfigurationError
from shared.identity.addresses import normalise_email
from shared.identity.numbers import normalise_phone

if TYPE_CHECKING:
    from collections.abc import Mapping

_REF = re.compile(r"[0-9a-z-]{1,32}\.[0-9a-f]{64}")
KEY_OCTETS = 32


def is_ref(text: str) -> bool:
    """Tell whether ``text`` has the form of a reference, ``keyid.hex``."""
    return _REF.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class References:
    """Makes references under the reference keys: HMAC-SHA256 over ``email:`` or ``tel:`` and the normal form.

    ``keys`` maps each live key id to 32 octets, ``current`` is the id new references are made under. A reference
    is pseudonymous, not anonymous: whoever holds a key can guess an address and check the guess.
    """

    keys: Mapping[str, bytes] = field(repr=False)
    current: str

    def __post_init__(self) -> None:
        """Refuse a set of keys that could not make references."""
        if self.current not in self.keys or any(len(key) != KEY_OCTETS for key in self.keys.values()):
            raise ConfigurationError("The reference keys are incomplete or of the wrong length.")

    def email(self, address: str) -> str:
        """Return the reference of an e-mail address under the current key. Raises InvalidInputError."""
        return self.emails(address)[0]

    def phone(self, number: str) -> str:
        """Return the reference of a telephone number under the current key. Raises InvalidInputError."""
        return self.phones(number)[0]

    def emails(self, address: str) -> tuple[str, ...]:
        """Return the references of an address under every live key, for looking it up; the current one first."""
        return self._under_all_keys(f"email:{normalise_email(address)}")

    def phones(self, number: str) -> tuple[str, ...]:
        """Return the references of a number under every live key, for looking it up; the current one first."""
        return self._under_all_keys(f"tel:{normalise_phone(number)}")

    def _under_all_keys(self, identity: str) -> tuple[str, ...]:
        ids = sorted(self.keys, key=lambda key_id: (key_id != self.current, key_id))
        return tuple(f"{key_id}.{_digest(self.keys[key_id], identity)}" for key_id in ids)


def _digest(key: bytes, identity: str) -> str:
    return hmac.digest(key, identity.encode(), "sha256").hex()
