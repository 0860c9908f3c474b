"""Replacing keys: a signing key with a new entry on the roster, a ring's key with an older one that leaves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from msgspec.structs import replace

from shared.errors import ConfigurationError
from shared.keys.files import locked, read_secret, replace_secret, write_file
from shared.keys.making import require_root, write_roster
from shared.keys.store import KeyStore
from shared.signing import SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from shared.keys.rings import KeyRing
    from shared.roster import Purpose, Roster, RosterKey

OVERLAP = timedelta(days=1)
"""How long the old key stays valid, so that processes that still hold it can be restarted one by one."""


def rotate_signing_key(
    directory: Path, root: SigningKey, holder: str, purpose: Purpose, now: datetime, *, overlap: timedelta = OVERLAP
) -> SigningKey:
    """Replace a signing key; the old public key stays on the roster, valid until ``now + overlap``.

    Interrupted at any point, doing it again finishes it. Raises ConfigurationError when the root is another.
    """
    store = KeyStore(directory)
    path = store.signing_path(holder, purpose)
    prepared = path.with_name(f"{path.name}.next")
    with locked(directory):
        roster = _roster_of(store, root)
        old = store.signing_key(holder, purpose)
        new = _prepare(prepared, old)
        others = [key for key in roster.keys if key.key_id not in {old.key_id, new.key_id}]
        write_roster(store, root, [*others, *_changed(roster, old, new, now, overlap)], roster)
        replace_secret(path, new.pem())
        prepared.unlink()
    return new


def revoke_key(directory: Path, root: SigningKey, key_id: str) -> None:
    """Take a key off the roster, because somebody else may have it: nothing it signed is believed any more.

    Its holder needs ``rotate_signing_key`` first. Raises ConfigurationError when it is not on the roster.
    """
    store = KeyStore(directory)
    with locked(directory):
        roster = _roster_of(store, root)
        if roster.public_key(key_id) is None:
            raise ConfigurationError("There is no such key on the roster.")
        write_roster(store, root, [key for key in roster.keys if key.key_id != key_id], roster)


def begin_rotation(directory: Path, name: str, holder: str) -> KeyRing:
    """Add a key to a ring and make it current; a rotation that was begun and not ended goes on with its key."""
    store = KeyStore(directory)
    with locked(directory):
        ring = store.ring(name, holder)
        if len(ring.keys) == 1:
            ring = ring.with_new_key()
            write_file(store.ring_path(name, holder), ring.encode())
    return ring


def end_rotation(directory: Path, name: str, holder: str) -> None:
    """Destroy a ring's older keys. The caller has made sure that nothing needs them."""
    store = KeyStore(directory)
    with locked(directory):
        ring = store.ring(name, holder)
        replace_secret(store.ring_path(name, holder), ring.with_current_only().encode())


def _prepare(path: Path, old: SigningKey) -> SigningKey:
    """Return the new key that an interrupted rotation left behind, or prepare one."""
    if path.exists() and (left := SigningKey.from_pem(read_secret(path))).key_id != old.key_id:
        return left
    new = SigningKey.generate()
    write_file(path, new.pem())
    return new


def _changed(
    roster: Roster, old: SigningKey, new: SigningKey, now: datetime, overlap: timedelta
) -> Iterator[RosterKey]:
    if (ending := roster.public_key(old.key_id)) is None:
        raise ConfigurationError("The key to replace is not on the roster: run `discreet key make` first.")
    yield replace(ending, not_after=max(now + overlap, ending.not_before))
    yield replace(ending, key_id=new.key_id, public_key=new.public_key, not_before=now, not_after=None)


def _roster_of(store: KeyStore, root: SigningKey) -> Roster:
    require_root(store, root)
    return store.roster().current()
