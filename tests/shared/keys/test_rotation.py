"""Keys are replaced while the system runs, and an interrupted replacement is finished by doing it again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.errors import ConfigurationError
from shared.keys import KeyStore, make_live_keys
from shared.keys.rotation import OVERLAP, begin_rotation, end_rotation, revoke_key, rotate_signing_key
from shared.signing import SigningKey

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = NOW + timedelta(days=300)
ROOT = SigningKey.generate()


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    """Make a clinic's keys."""
    make_live_keys(tmp_path, ROOT, ["intake"], NOW)
    return KeyStore(tmp_path)


def test_a_replaced_signing_key_ends_and_its_signatures_still_count(store: KeyStore) -> None:
    """What it signed until its end is verified as before; what it signs afterwards is not."""
    old = store.signing_key("intake", "events")
    new = rotate_signing_key(store.directory, ROOT, "intake", "events", LATER)
    roster = store.roster().current()
    assert store.signing_key("intake", "events").key_id == new.key_id != old.key_id
    assert roster.events_key_of("intake", old.key_id, NOW) is not None
    assert roster.events_key_of("intake", old.key_id, LATER + OVERLAP) is None
    assert roster.events_key_of("intake", new.key_id, LATER) is not None
    assert roster.events_key_of("intake", new.key_id, LATER - timedelta(seconds=1)) is None


def test_the_old_key_stays_valid_while_processes_are_restarted(store: KeyStore) -> None:
    """Unless the one who replaces it wants otherwise."""
    old = store.signing_key("intake", "events").key_id
    second = rotate_signing_key(store.directory, ROOT, "intake", "events", LATER)
    at_once = LATER + timedelta(days=2)
    rotate_signing_key(store.directory, ROOT, "intake", "events", at_once, overlap=timedelta(0))
    roster = store.roster().current()
    assert roster.events_key_of("intake", old, LATER + OVERLAP - timedelta(seconds=1)) is not None
    assert roster.events_key_of("intake", second.key_id, at_once) is None


def test_the_other_keys_stay_as_they_are(store: KeyStore) -> None:
    """One key of one holder is replaced."""
    before = {key for key in store.roster().current().keys if (key.holder, key.purpose) != ("intake", "claims")}
    rotate_signing_key(store.directory, ROOT, "intake", "claims", LATER)
    assert before < set(store.roster().current().keys)
    assert len(store.roster().current().keys) == len(before) + 2


def test_whoever_read_the_roster_just_before_still_finds_its_signature(store: KeyStore) -> None:
    """The signatures are replaced first, so they hold the last roster's as well."""
    before = store.roster_path.read_bytes()
    rotate_signing_key(store.directory, ROOT, "intake", "events", LATER)
    after = store.roster_path.read_bytes()
    for document, serial in ((before, 1), (after, 2)):
        store.roster_path.write_bytes(document)
        assert store.roster().current().serial == serial


def test_an_interrupted_replacement_is_finished_with_the_key_it_prepared(store: KeyStore) -> None:
    """Cut off after the roster was signed: no third key, and the old one ends from now."""
    old = store.signing_key("intake", "events")
    new = rotate_signing_key(store.directory, ROOT, "intake", "events", LATER)
    path = store.signing_path("intake", "events")
    path.rename(path.with_name("events.pem.next"))
    path.write_bytes(old.pem())
    path.chmod(0o600)
    again = rotate_signing_key(store.directory, ROOT, "intake", "events", LATER + timedelta(days=9))
    roster = store.roster().current()
    assert again.key_id == new.key_id == store.signing_key("intake", "events").key_id
    assert roster.public_key(old.key_id).not_after == LATER + timedelta(days=9) + OVERLAP
    assert len([key for key in roster.keys if key.purpose == "events"]) == 2
    assert not path.with_name("events.pem.next").exists()


def test_a_leftover_of_a_finished_replacement_is_not_used_again(store: KeyStore) -> None:
    """Cut off after the last step but one: the next replacement makes a key of its own."""
    new = rotate_signing_key(store.directory, ROOT, "intake", "events", LATER)
    path = store.signing_path("intake", "events")
    path.with_name("events.pem.next").write_bytes(path.read_bytes())
    path.with_name("events.pem.next").chmod(0o600)
    assert rotate_signing_key(store.directory, ROOT, "intake", "events", LATER).key_id != new.key_id


def test_a_stolen_key_can_be_taken_off_the_roster(store: KeyStore) -> None:
    """A thief can write any date: so nothing it ever signed is believed."""
    stolen = store.signing_key("intake", "events")
    rotate_signing_key(store.directory, ROOT, "intake", "events", LATER)
    revoke_key(store.directory, ROOT, stolen.key_id)
    assert store.roster().current().events_key_of("intake", stolen.key_id, NOW) is None
    with pytest.raises(ConfigurationError, match="no such key"):
        revoke_key(store.directory, ROOT, stolen.key_id)


def test_only_the_clinics_root_key_replaces(store: KeyStore) -> None:
    """Another root key changes nothing."""
    before = store.roster().current()
    with pytest.raises(ConfigurationError, match="another root key"):
        rotate_signing_key(store.directory, SigningKey.generate(), "intake", "events", LATER)
    with pytest.raises(ConfigurationError, match="another root key"):
        revoke_key(store.directory, SigningKey.generate(), before.keys[0].key_id)
    assert store.roster().current() == before


def test_a_ring_gets_its_new_key_before_it_loses_the_old(store: KeyStore) -> None:
    """In between both are there, and beginning again goes on with the same new key."""
    old = store.ring("master", "intake")
    both = begin_rotation(store.directory, "master", "intake")
    assert begin_rotation(store.directory, "master", "intake") == both
    assert set(both.keys) == {old.current, both.current}
    end_rotation(store.directory, "master", "intake")
    assert store.ring("master", "intake").keys == {both.current: both.current_key}
