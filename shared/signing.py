"""Ed25519 keys: what signs, what it is called, and whether a signature holds."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.errors import ConfigurationError

PUBLIC_KEY_OCTETS = 32


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, its raw public key (32 octets), and the id under which the roster knows it."""

    private_key: Ed25519PrivateKey = field(repr=False)
    public_key: bytes
    key_id: str

    @classmethod
    def of(cls, private_key: Ed25519PrivateKey) -> Self:
        """Wrap a private key."""
        public_key = private_key.public_key().public_bytes_raw()
        return cls(private_key, public_key, key_id_of(public_key))

    @classmethod
    def generate(cls) -> Self:
        """Make a new key."""
        return cls.of(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read an unencrypted PKCS #8 key. Raises ConfigurationError when it is anything else."""
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigurationError("This is not an Ed25519 private key in PEM.")
        return cls.of(key)

    def pem(self) -> bytes:
        """Write the private key as unencrypted PKCS #8."""
        return self.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, content: bytes) -> bytes:
        """Return the signature over exactly these bytes (64 octets)."""
        return self.private_key.sign(content)


def key_id_of(public_key: bytes) -> str:
    """Return the id of a raw public key: the first sixteen hexadecimal digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def fingerprint_of(public_key: bytes) -> str:
    """Return the SHA-256 of a raw public key in groups of four, for reading aloud and comparing."""
    digits = hashlib.sha256(public_key).hexdigest().upper()
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def has_fingerprint(public_key: bytes, fingerprint: str) -> bool:
    """Compare a fingerprint that somebody typed; spaces, colons and case do not matter."""
    typed = "".join(fingerprint.replace(":", " ").split()).upper()
    return hmac.compare_digest(typed.encode(), fingerprint_of(public_key).replace(" ", "").encode())


def is_signed(public_key: bytes, signature: bytes, content: bytes) -> bool:
    """Tell whether ``signature`` is by this raw public key over exactly ``content``."""
    try:
        _read_public(public_key).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


@lru_cache(maxsize=64)
def _read_public(public_key: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public_key)


def read_public_pem(pem: bytes) -> bytes:
    """Return the raw public key that a PEM file holds. Raises ConfigurationError when it is anything else."""
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ConfigurationError("This is not an Ed25519 public key in PEM.")
    return key.public_bytes_raw()


def public_pem(public_key: bytes) -> bytes:
    """Write a raw public key as PEM."""
    return Ed25519PublicKey.from_public_bytes(public_key).public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
