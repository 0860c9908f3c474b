"""A rotated master key leaves no live record behind, and takes destroyed keys in old backups with it."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from shared.database import Database
from shared.errors import ConfigurationError, IntegrityError, KeyDestroyedError
from shared.keys import KeyRing
from shared.vault import Vault
from shared.vault.masters import Masters, is_retired
from shared.vault.tables import data_keys

CONTENT = {"name": "Jansen"}


def masters_in_use(database: Database) -> set[str]:
    """Return the master keys that live data keys are wrapped under."""
    with database.reading() as session:
        return set(session.scalars(sa.select(data_keys.c.master_id).where(data_keys.c.destroyed_at.is_(None))))


def test_after_a_rotation_everything_opens_without_the_old_master_key(
    vault: Vault, key_file, key_database: Database, hands
) -> None:
    """More keys than one batch; then the old master key is destroyed."""
    sealed = {str(number): vault.seal(str(number), CONTENT) for number in range(450)}
    old = key_file.ring
    key_file.ring = old.with_new_key()
    assert vault.rotate_master() >= 450
    assert masters_in_use(key_database) == {key_file.ring.current}
    key_file.ring = key_file.ring.with_current_only()
    fresh = Vault(key_database, key_file.read, "intake", hands.calendar)
    assert len(fresh.open_many(sealed)) == 450
    assert vault.open("7", sealed["7"]) == CONTENT
    assert vault.open("new", vault.seal("new", CONTENT)) == CONTENT


def test_a_destroyed_key_in_an_old_backup_is_unreadable_after_a_rotation(
    vault: Vault, key_file, key_database: Database, hands
) -> None:
    """The window in which a backup of the key database could bring it back is closed."""
    sealed = vault.seal("1", CONTENT)
    of_one = data_keys.c.key_id == sealed.key_id
    with key_database.reading() as session:
        backup = dict(session.execute(sa.select(data_keys).where(of_one)).one()._mapping)
    vault.destroy([sealed.key_id])
    with key_database.transaction() as session:
        session.execute(sa.update(data_keys).where(of_one).values(**backup))
    assert vault.open("1", sealed) == CONTENT
    vault.destroy([sealed.key_id])
    key_file.ring = key_file.ring.with_new_key()
    vault.rotate_master()
    key_file.ring = key_file.ring.with_current_only()
    with key_database.transaction() as session:
        session.execute(sa.update(data_keys).where(of_one).values(**backup))
    restored = Vault(key_database, key_file.read, "intake", hands.calendar)
    with pytest.raises(ConfigurationError, match="Master key"):
        restored.open("1", sealed)


def test_a_running_process_soon_forgets_the_old_master_key(
    vault: Vault, key_file, key_database: Database, hands
) -> None:
    """Also one that only opens: it reads the key file again after some minutes."""
    sealed = vault.seal("1", CONTENT)
    vault.open("1", sealed)
    key_file.ring = KeyRing.generate()
    assert vault.open("1", sealed) == CONTENT
    hands.move(timedelta(minutes=5))
    with pytest.raises(ConfigurationError, match="Master key"):
        vault.open("1", sealed)


def test_an_interrupted_rotation_is_finished_by_doing_it_again(vault: Vault, key_file, key_database: Database) -> None:
    """It stops at a key that somebody changed, says so, and goes on once that is repaired."""
    sealed = {str(number): vault.seal(str(number), CONTENT) for number in range(450)}
    last = max(each.key_id for each in sealed.values())
    of_last = data_keys.c.key_id == last
    with key_database.transaction() as session:
        wrapped = session.scalar(sa.select(data_keys.c.wrapped).where(of_last))
        session.execute(sa.update(data_keys).where(of_last).values(wrapped=wrapped[:-1] + b"\x00\x00"))
    key_file.ring = key_file.ring.with_new_key()
    with pytest.raises(IntegrityError):
        vault.rotate_master()
    assert len(masters_in_use(key_database)) == 2
    with key_database.transaction() as session:
        session.execute(sa.update(data_keys).where(of_last).values(wrapped=wrapped))
    assert vault.rotate_master() > 0
    assert masters_in_use(key_database) == {key_file.ring.current}
    assert len(vault.open_many(sealed)) == 450


def test_another_process_goes_on_through_a_rotation(vault: Vault, key_file, key_database: Database, hands) -> None:
    """It opens old and new records, and what it has in hand was wrapped anew with the rest."""
    web = Vault(key_database, key_file.read, "intake", hands.calendar, seconds=hands.passing)
    before = web.seal("before", CONTENT)
    key_file.ring = key_file.ring.with_new_key()
    vault.rotate_master()
    key_file.ring = key_file.ring.with_current_only()
    during = web.seal("during", CONTENT)
    for record, sealed in (("before", before), ("during", during)):
        assert web.open(record, sealed) == vault.open(record, sealed) == CONTENT


def test_a_destroyed_key_stays_destroyed_through_a_rotation(vault: Vault, key_file) -> None:
    """Wrapping anew brings nothing back."""
    sealed = vault.seal("1", CONTENT)
    vault.destroy([sealed.key_id])
    key_file.ring = key_file.ring.with_new_key()
    vault.rotate_master()
    assert vault.surviving([sealed.key_id]) == set()
    with pytest.raises(KeyDestroyedError):
        vault.open("1", sealed)


def test_rotating_twice_changes_nothing_more(vault: Vault, key_file) -> None:
    """The command can be repeated without harm, also before anything was sealed."""
    assert vault.rotate_master() == 0
    vault.seal("1", CONTENT)
    key_file.ring = key_file.ring.with_new_key()
    assert vault.rotate_master() > 0
    assert vault.rotate_master() == 0


def test_a_process_with_the_key_file_of_before_reserves_nothing(
    vault: Vault, key_file, key_database: Database, hands
) -> None:
    """Whatever it would seal could not be opened after the old master key is destroyed."""
    old = key_file.ring
    stale = Vault(key_database, lambda: old, "intake", hands.calendar)
    key_file.ring = old.with_new_key()
    vault.rotate_master()
    with pytest.raises(ConfigurationError, match="retired"):
        stale.seal("1", CONTENT)


def test_a_reservation_under_way_is_waited_for(vault: Vault, key_file, key_database: Database, hands) -> None:
    """It looked at the master key before the rotation retired it, and its keys are wrapped anew with the rest."""
    vault.seal("1", CONTENT)
    old = key_file.ring
    key_file.ring = old.with_new_key()
    masters = Masters(lambda: old, "intake")
    rotation = threading.Thread(target=vault.rotate_master)
    with key_database.transaction() as session:
        assert not is_retired(session, old.current, hands.now)
        rotation.start()
        rotation.join(timeout=0.5)
        assert rotation.is_alive()
        row = {"key_id": "a" * 32, "wrapped": masters.wrap(old, "a" * 32, b"k" * 32), "master_id": old.current}
        session.execute(sa.insert(data_keys), [{**row, "reserved_at": hands.now}])
    rotation.join(timeout=20)
    assert masters_in_use(key_database) == {key_file.ring.current}


def test_the_key_file_is_read_once_a_block_and_not_once_a_record(vault: Vault, key_file) -> None:
    """Opening costs one query and no file."""
    sealed = vault.seal("1", CONTENT)
    before = key_file.reads
    for _ in range(20):
        vault.open("1", sealed)
    assert key_file.reads == before
    assert isinstance(key_file.ring, KeyRing)
