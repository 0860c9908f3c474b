"""The key files in ``DISCREET_KEYS``: who may read which, how they are made and how they are replaced."""

from __future__ import annotations

from shared.keys.making import make_live_keys, make_trial_keys
from shared.keys.rings import KeyRing
from shared.keys.store import ConsoleKeys, KeyStore, ServiceKeys

__all__ = ["ConsoleKeys", "KeyRing", "KeyStore", "ServiceKeys", "make_live_keys", "make_trial_keys"]
