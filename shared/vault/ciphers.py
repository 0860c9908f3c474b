"""AES-256-GCM: a fresh nonce before, a tag behind, and a context that says where the bytes belong."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.errors import IntegrityError

KEY_OCTETS = 32
NONCE_OCTETS = 12
TAG_OCTETS = 16
FORM = b"\x01"
"""The first octet of everything sealed: AES-256-GCM, nonce of 12 octets, tag of 16."""


def encrypt(key: bytes, plain: bytes, context: str) -> bytes:
    """Return form, nonce, ciphertext and tag; only the same context opens it again."""
    nonce = os.urandom(NONCE_OCTETS)
    return FORM + nonce + AESGCM(key).encrypt(nonce, plain, context.encode())


def decrypt(key: bytes, sealed: bytes, context: str) -> bytes:
    """Open what ``encrypt`` made. Raises IntegrityError when a bit of it, the key or the context is another."""
    start = len(FORM) + NONCE_OCTETS
    if sealed[: len(FORM)] != FORM or len(sealed) < start + TAG_OCTETS:
        raise IntegrityError("What was sealed does not have the form of it.")
    try:
        return AESGCM(key).decrypt(sealed[len(FORM) : start], sealed[start:], context.encode())
    except InvalidTag:
        raise IntegrityError("What was sealed was changed, moved, or is under another key.") from None
