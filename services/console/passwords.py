"""Passwords of staff: hashed with Argon2id (RFC 9106), and checked a few at a time."""

from __future__ import annotations

import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# One check takes 64 MiB; on a small machine a burst of sign-ins must wait, not exhaust the memory.
_CHECKING = threading.BoundedSemaphore(2)
_HASHER = PasswordHasher()  # RFC 9106, the second recommended option: for memory-constrained environments


def hash_password(password: str) -> str:
    """Return the password's hash, with its salt and parameters."""
    with _CHECKING:
        return _HASHER.hash(password)


def is_password(password: str, password_hash: str | None) -> bool:
    """Compare; without an account (None) it takes as long and is False, so that names cannot be tried out."""
    with _CHECKING:
        try:
            _HASHER.verify(password_hash or _nobodys_hash(), password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None


@cache
def _nobodys_hash() -> str:
    return _HASHER.hash("of an account that is not there")
