"""Making key files: for a trial on its own, for a clinic by command and with the root key at hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.errors import ConfigurationError
from shared.keys.files import PUBLIC, locked, read_secret, write_file
from shared.keys.rings import KeyRing
from shared.keys.store import KeyStore
from shared.roster import SIGNATURE_SUFFIX, Purpose, Roster, RosterKey, roster_document, signature_text
from shared.signing import SigningKey, fingerprint_of, public_pem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

TRIAL_BEGINS = datetime(2000, 1, 1, tzinfo=UTC)
"""A trial's clock may be put back; its keys are valid all the same."""


def make_root(directory: Path) -> SigningKey:
    """Make the clinic's root key in ``directory``, with its public key and fingerprint beside it.

    Raises ConfigurationError when there is one already: a second root key would orphan every roster and proof.
    """
    root = SigningKey.generate()
    write_root(KeyStore(directory), root)
    return root


def write_root(store: KeyStore, root: SigningKey) -> None:
    """Write a root key, new or recovered, where there is none. Raises ConfigurationError."""
    with locked(store.directory):
        if store.root_path.exists() or store.root_public_path.exists():
            raise ConfigurationError(f"{store.directory} already has a root key.")
        write_file(store.root_path, root.pem())
        write_root_public(store, root)


def read_root(path: Path) -> SigningKey:
    """Read a root key from where its holder keeps it. Raises ConfigurationError."""
    return SigningKey.from_pem(read_secret(path))


def make_trial_keys(directory: Path, services: Iterable[str]) -> None:
    """Make every key that is missing, the root key and the signed roster included; what is there stays.

    Two processes that start at once wait for each other and end up with the same keys.
    """
    store = KeyStore(directory)
    with locked(directory):
        if not store.root_path.exists() and not store.root_public_path.exists():
            write_file(store.root_path, SigningKey.generate().pem())
        root = read_root(store.root_path) if store.root_path.exists() else None
        _make_missing(store, root, services, TRIAL_BEGINS)


def make_live_keys(directory: Path, root: SigningKey, services: Iterable[str], now: datetime) -> Roster:
    """Make every service key that is missing and sign the roster with the root key, which is not kept here.

    Raises ConfigurationError when the directory belongs to another root key.
    """
    with locked(directory):
        return _make_missing(KeyStore(directory), root, services, now)


def write_roster(store: KeyStore, root: SigningKey, keys: Iterable[RosterKey], last: Roster | None) -> Roster:
    """Sign and write a roster that follows ``last``; the caller holds the lock."""
    document = roster_document((last.serial if last else 0) + 1, keys)
    signatures = [root.sign(document)] + ([last.signature] if last else [])
    beside = store.roster_path.with_name(store.roster_path.name + SIGNATURE_SUFFIX)
    write_file(beside, signature_text(signatures), PUBLIC)
    write_file(store.roster_path, document, PUBLIC)
    return Roster.load(store.roster_path, root.public_key)


def require_root(store: KeyStore, root: SigningKey) -> None:
    """Raise ConfigurationError when these key files belong to another root key."""
    if store.root_public_key() != root.public_key:
        raise ConfigurationError(f"{store.directory} belongs to another root key.")


def write_root_public(store: KeyStore, root: SigningKey) -> None:
    """Write the root's public key, and its fingerprint for whoever compares it by eye."""
    write_file(store.directory / "root.fingerprint", f"{fingerprint_of(root.public_key)}\n".encode(), PUBLIC)
    write_file(store.root_public_path, public_pem(root.public_key), PUBLIC)


def signing_keys_of(services: Iterable[str]) -> Iterator[tuple[str, Purpose]]:
    """Say which signing keys there are: one for each thing a holder signs."""
    for service in services:
        yield service, "events"
        yield service, "claims"
    yield "console", "staff-tokens"
    yield "command", "tool-tokens"


def _make_missing(store: KeyStore, root: SigningKey | None, services: Iterable[str], valid_from: datetime) -> Roster:
    services = tuple(services)
    if root is not None:
        if not store.root_public_path.exists():
            write_root_public(store, root)
        require_root(store, root)
    for name, holder in _rings_of(services):
        if not store.ring_path(name, holder).exists():
            write_file(store.ring_path(name, holder), KeyRing.generate().encode())
    keys = [_signing_key(store, holder, purpose, valid_from) for holder, purpose in signing_keys_of(services)]
    last = store.roster().current() if store.roster_path.exists() else None
    known = {key.key_id for key in last.keys} if last else set()
    missing = [key for key in keys if key.key_id not in known]
    if last is not None and not missing:
        return last
    if root is None:
        raise ConfigurationError(f"{store.root_path} is needed to put new keys on the roster.")
    return write_roster(store, root, [*(last.keys if last else ()), *missing], last)


def _rings_of(services: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    yield "reference", ""
    for service in services:
        yield from (("master", service), ("index", service), ("secrets", service))
    yield "secrets", "console"


def _signing_key(store: KeyStore, holder: str, purpose: Purpose, valid_from: datetime) -> RosterKey:
    """Return what the roster says of a signing key, made first if it is not there."""
    path = store.signing_path(holder, purpose)
    if not path.exists():
        write_file(path, SigningKey.generate().pem())
    key = store.signing_key(holder, purpose)
    return RosterKey(
        key_id=key.key_id, holder=holder, purpose=purpose, public_key=key.public_key, not_before=valid_from
    )
