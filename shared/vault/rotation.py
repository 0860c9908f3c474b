"""Replacing a service's master key: begun in the key file, carried through the key database, ended in the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.keys.rotation import begin_rotation, end_rotation

if TYPE_CHECKING:
    from pathlib import Path

    from shared.vault.vault import Vault


def rotate_master_key(keys: Path, vault: Vault, service: str) -> int:
    """Replace a service's master key and return how many data keys were wrapped anew.

    Interrupted anywhere, doing it again finishes it: the old key is destroyed when nothing live needs it and
    never before. Older backups of the key database cannot be read afterwards; the next one should follow soon.
    """
    begin_rotation(keys, "master", service)
    count = vault.rotate_master()
    end_rotation(keys, "master", service)
    return count
