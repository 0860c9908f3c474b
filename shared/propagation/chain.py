"""The ledger's hash chain: each link ties one entry to everything that was recorded before it.

An entry's own digest comes first and the link is over the previous hash and that digest, so that a proof
can carry the digests of other people's entries in between without showing anything of them.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from shared.clock import utc_text

if TYPE_CHECKING:
    from datetime import datetime

GENESIS = "0" * 64


def entry_digest(*, seq: int, recorded_at: datetime, body: str, signature: str, key_id: str) -> str:
    """Return the SHA-256 (hex) over an entry: its number, time, signature, key, and its event's exact bytes."""
    head = f"discreet-ledger-entry-v1\n{seq}\n{utc_text(recorded_at)}\n{key_id}\n{signature}\n"
    return hashlib.sha256(head.encode() + body.encode()).hexdigest()


def link(previous: str, digest: str) -> str:
    """Return the hash after an entry: SHA-256 (hex) over the previous hash and the entry's digest."""
    return hashlib.sha256(f"discreet-ledger-link-v1\n{previous}\n{digest}".encode()).hexdigest()
