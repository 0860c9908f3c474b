"""Every record sealed under a key of its own, so that destroying the key makes every copy of it unreadable."""

from __future__ import annotations

from shared.vault.files import SealedFile, SealedFiles
from shared.vault.tables import DATA_KEY, KeyBase, keys_in_use
from shared.vault.vault import Sealed, Vault

__all__ = ["DATA_KEY", "KeyBase", "Sealed", "SealedFile", "SealedFiles", "Vault", "keys_in_use"]
