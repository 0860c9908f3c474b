"""What people call a thing on the telephone: it opens nothing, and tells nothing of how many came before."""

from __future__ import annotations

import secrets

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # nothing that looks like something else


def new_label(kind: str) -> str:
    """Return a label for a form (F), or for a report or incident (M), such as M-7KQ4M2XA."""
    return f"{kind}-" + "".join(secrets.choice(ALPHABET) for _ in range(8))
