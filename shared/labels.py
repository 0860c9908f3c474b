"""What people call a thing on the telephone: it opens nothing, and tells nothing of how many came before."""

from __future__ import annotations

import secrets

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # 32, and nothing that looks like something else


def new_label(kind: str) -> str:
    """Return a label for a form (F), or for a report or incident (M), such as M-7KQ4M2XA."""
    return f"{kind}-" + "".join([ALPHABET[byte % 32] for byte in secrets.token_bytes(8)])
