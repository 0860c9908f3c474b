"""Keys are recognised by what they are, and signatures hold over exact bytes only."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519

from shared.errors import ConfigurationError
from shared.signing import (
    SigningKey,
    fingerprint_of,
    has_fingerprint,
    is_signed,
    key_id_of,
    public_pem,
    read_public_pem,
)

KEY = SigningKey.generate()


def pem_of(key, password: bytes | None = None) -> bytes:
    """Write a private key of any kind."""
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def test_a_signature_holds_over_exactly_the_bytes_that_were_signed() -> None:
    """One other bit in content, signature or key and it does not."""
    signature = KEY.sign(b"content")
    assert is_signed(KEY.public_key, signature, b"content")
    assert not is_signed(KEY.public_key, signature, b"Content")
    assert not is_signed(KEY.public_key, bytes([signature[0] ^ 1]) + signature[1:], b"content")
    assert not is_signed(SigningKey.generate().public_key, signature, b"content")
    assert not is_signed(KEY.public_key, b"", b"content")
    assert not is_signed(b"no key", signature, b"content")


def test_a_key_survives_being_written_and_read() -> None:
    """The private and the public half come back as they were."""
    again = SigningKey.from_pem(KEY.pem())
    assert (again.key_id, again.public_key) == (KEY.key_id, KEY.public_key)
    assert is_signed(KEY.public_key, again.sign(b"content"), b"content")
    assert read_public_pem(public_pem(KEY.public_key)) == KEY.public_key


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"nonsense",
        pem_of(ec.generate_private_key(ec.SECP256R1())),
        pem_of(x25519.X25519PrivateKey.generate()),
        pem_of(ed25519.Ed25519PrivateKey.generate(), password=b"secret"),
        public_pem(KEY.public_key),
    ],
)
def test_a_file_that_is_no_such_key_is_refused(pem: bytes) -> None:
    """Another algorithm, a password or a public key in its place: said at start, not at the first signature."""
    with pytest.raises(ConfigurationError):
        SigningKey.from_pem(pem)
    with pytest.raises(ConfigurationError):
        read_public_pem(pem if b"PUBLIC" not in pem else KEY.pem())


def test_the_id_and_the_fingerprint_come_from_the_public_key() -> None:
    """Whoever has the public key can make them again with any program."""
    digits = hashlib.sha256(KEY.public_key).hexdigest()
    assert KEY.key_id == key_id_of(KEY.public_key) == digits[:16]
    assert fingerprint_of(KEY.public_key).replace(" ", "").lower() == digits
    assert {len(group) for group in fingerprint_of(KEY.public_key).split()} == {4}


def test_a_fingerprint_is_compared_as_people_type_it() -> None:
    """Case, spaces and colons do not matter; a digit does, and so does the end."""
    fingerprint = fingerprint_of(KEY.public_key)
    assert has_fingerprint(KEY.public_key, fingerprint.lower().replace(" ", ":"))
    assert not has_fingerprint(KEY.public_key, fingerprint[:-5])
    assert not has_fingerprint(KEY.public_key, "")
    assert not has_fingerprint(KEY.public_key, "é")


def test_the_private_key_is_not_shown() -> None:
    """A traceback with the object in it gives nothing away."""
    assert "private_key" not in repr(KEY)
