"""The key files as a running process sees them: each reads only what its own work needs."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.errors import ConfigurationError
from shared.identity import BlindIndex, References
from shared.keys.files import read_public, read_secret
from shared.keys.rings import KeyRing
from shared.roster import RosterFile
from shared.signing import SigningKey, read_public_pem

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from shared.roster import Purpose


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """What one service's processes may know.

    ``masters`` reads the master keys anew, since another process may have rotated them. ``events`` signs what
    the service announces, ``claims`` its tokens for other services.
    """

    refs: References
    masters: Callable[[], KeyRing] = field(repr=False)
    index: BlindIndex
    events: SigningKey
    claims: SigningKey
    secrets: KeyRing

    def secret(self, purpose: str) -> bytes:
        """Return a secret of 32 octets for one purpose of this service, such as ``form-tokens``."""
        return _derived(self.secrets, purpose)


@dataclass(frozen=True, slots=True)
class ConsoleKeys:
    """What the console may know: the key of staff tokens, and secrets for its sessions."""

    staff_tokens: SigningKey
    secrets: KeyRing

    def secret(self, purpose: str) -> bytes:
        """Return a secret of 32 octets for one purpose of the console, such as ``sessions``."""
        return _derived(self.secrets, purpose)


@dataclass(frozen=True, slots=True)
class KeyStore:
    """The directory of ``DISCREET_KEYS``. Every method raises ConfigurationError for what is missing or open."""

    directory: Path

    def for_service(self, service: str) -> ServiceKeys:
        """Read what a service's processes need, and nothing of another's."""
        reference = self.ring("reference")
        return ServiceKeys(
            refs=References(reference.keys, reference.current),
            masters=lambda: self.ring("master", service),
            index=BlindIndex(self.ring("index", service).current_key),
            events=self.signing_key(service, "events"),
            claims=self.signing_key(service, "claims"),
            secrets=self.ring("secrets", service),
        )

    def for_console(self) -> ConsoleKeys:
        """Read what the console needs."""
        return ConsoleKeys(self.signing_key("console", "staff-tokens"), self.ring("secrets", "console"))

    def for_command(self) -> SigningKey:
        """Read the key that signs the tokens of tools and of ``discreet token``."""
        return self.signing_key("command", "tool-tokens")

    def roster(self) -> RosterFile:
        """Return the roster, to be asked for its current content."""
        return RosterFile(self.roster_path, self.root_public_key())

    def root_public_key(self) -> bytes:
        """Return the clinic's root public key, 32 octets."""
        return read_public_pem(read_public(self.root_public_path))

    def ring(self, name: str, holder: str = "") -> KeyRing:
        """Read a ring of symmetric keys; one without a holder is shared by the services."""
        path = self.ring_path(name, holder)
        try:
            return KeyRing.decode(read_secret(path))
        except ConfigurationError as error:
            raise _naming(path, error) from None

    def signing_key(self, holder: str, purpose: Purpose) -> SigningKey:
        """Read a private key."""
        path = self.signing_path(holder, purpose)
        try:
            return SigningKey.from_pem(read_secret(path))
        except ConfigurationError as error:
            raise _naming(path, error) from None

    def ring_path(self, name: str, holder: str = "") -> Path:
        """Return where a ring lies."""
        return self.directory / holder / f"{name}.json"

    def signing_path(self, holder: str, purpose: Purpose) -> Path:
        """Return where a private key lies."""
        return self.directory / holder / f"{purpose}.pem"

    @property
    def roster_path(self) -> Path:
        """Where the roster lies; its signatures are beside it."""
        return self.directory / "roster.json"

    @property
    def root_public_path(self) -> Path:
        """Where the root public key lies."""
        return self.directory / "root.pub"

    @property
    def root_path(self) -> Path:
        """Where a trial keeps the root key; a clinic keeps it off the machine."""
        return self.directory / "root.pem"


def _naming(path: Path, error: ConfigurationError) -> ConfigurationError:
    detail = error.detail if str(path) in error.detail else f"{path}: {error.detail}"
    return ConfigurationError(detail)


def _derived(ring: KeyRing, purpose: str) -> bytes:
    return hmac.digest(ring.current_key, f"discreet {purpose}".encode(), "sha256")
