"""The secrets in the links we mail: random, and in the clear only in the mail itself."""

from __future__ import annotations

import hashlib
import secrets

OCTETS = 24


def new_token() -> str:
    """Return 192 random bits, fit for a path."""
    return secrets.token_urlsafe(OCTETS)


def digest_of(token: str) -> str:
    """Return what is stored in the clear to find a link's subscription; a random token needs no key."""
    return hashlib.sha256(token.encode()).hexdigest()
