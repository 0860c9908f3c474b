"""A destroyed key is gone: from the rows, from SQLite's pages and its log; and only what nothing needs is swept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from shared.database import Database
from shared.errors import KeyDestroyedError
from shared.failpoints import DIED
from shared.vault import DATA_KEY, Vault, keys_in_use
from shared.vault.tables import data_keys
from tests.kit.dying import live

CONTENT = {"name": "Jansen"}
METADATA = sa.MetaData()
records = sa.Table(
    "records",
    METADATA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("key_id", sa.String(32), info=DATA_KEY),
    sa.Column("photo_key_id", sa.String(32), info=DATA_KEY),
    sa.Column("event_key_id", sa.String(32)),
)


@pytest.fixture
def database(tmp_path) -> Database:
    """Make a service's own database, with a table of records."""
    database = Database(f"sqlite:///{tmp_path / 'intake.sqlite3'}")
    METADATA.create_all(database.engine())
    yield database
    database.close()


def used_in(database: Database):
    """Return the question that a sweep asks of a service."""

    def used(key_ids: Collection[str]) -> set[str]:
        with database.reading() as session:
            return keys_in_use(session, [METADATA], key_ids)

    return used


def test_a_destroyed_key_opens_nothing_and_its_neighbour_stays(vault: Vault) -> None:
    """Destroying one report and keeping one invoice is the normal case."""
    report, invoice = vault.seal("report", CONTENT), vault.seal("invoice", CONTENT)
    assert vault.destroy([report.key_id]) == 1
    assert vault.open("invoice", invoice) == CONTENT
    with pytest.raises(KeyDestroyedError):
        vault.open("report", report)


def test_destroying_again_changes_nothing(vault: Vault, key_database: Database, hands) -> None:
    """A stage that is repeated after a crash keeps the first time; unknown keys and none at all are no error."""
    sealed = vault.seal("1", CONTENT)
    first = hands.now
    vault.destroy([sealed.key_id])
    hands.move(timedelta(days=1))
    assert vault.destroy([sealed.key_id, sealed.key_id, "0" * 32]) == 0
    assert vault.destroy([]) == 0
    with key_database.reading() as session:
        row = session.execute(sa.select(data_keys).where(data_keys.c.key_id == sealed.key_id)).one()
    assert row.destroyed_at == first
    assert row.wrapped == b""


def test_what_survives_is_counted_by_another_query(vault: Vault) -> None:
    """The evidence of a destruction is that it was looked at again."""
    one, two = vault.seal("1", CONTENT).key_id, vault.seal("2", CONTENT).key_id
    assert vault.surviving([one, two, "0" * 32]) == {one, two}
    vault.destroy([one])
    assert vault.surviving([one, two]) == {two}
    assert vault.surviving([]) == set()


def is_in_a_page(wrapped: bytes, directory: Path) -> bool:
    """Look from another process: to close the file in this one would let go of SQLite's own locks on it."""
    look = (
        "import sys; from pathlib import Path;"
        "print(any(bytes.fromhex(sys.argv[2]) in p.read_bytes() for p in Path(sys.argv[1]).glob('keys.sqlite3*')))"
    )
    command = [sys.executable, "-c", look, str(directory), wrapped.hex()]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout == "True\n"


@pytest.mark.parametrize("keys_url", ["sqlite"], indirect=True)
def test_a_destroyed_key_is_in_no_page_and_in_no_log_of_sqlite(vault: Vault, key_database: Database, tmp_path) -> None:
    """Looked at from outside, byte by byte, while the database stays open; before that it was there."""
    sealed = vault.seal("1", CONTENT)
    with key_database.reading() as session:
        wrapped = session.scalar(sa.select(data_keys.c.wrapped).where(data_keys.c.key_id == sealed.key_id))
    assert is_in_a_page(wrapped, tmp_path)
    vault.destroy([sealed.key_id])
    assert not is_in_a_page(wrapped, tmp_path)


@pytest.mark.parametrize("keys_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("again", ["destroy", "sweep"])
def test_an_old_page_that_a_crash_left_goes_when_the_destruction_is_repeated(
    vault: Vault, key_database: Database, database: Database, tmp_path, again: str
) -> None:
    """The key is overwritten already, so nothing is live; its page is in the log all the same, until the sweep."""
    sealed = vault.seal("1", CONTENT)
    with key_database.reading() as session:
        wrapped = session.scalar(sa.select(data_keys.c.wrapped).where(data_keys.c.key_id == sealed.key_id))
    key_database.close()
    assert live(lambda: vault.destroy([sealed.key_id]), "vault.destroyed") == DIED
    assert is_in_a_page(wrapped, tmp_path)
    vault.destroy([sealed.key_id]) if again == "destroy" else vault.sweep_unused(used_in(database))
    assert not is_in_a_page(wrapped, tmp_path)


def test_keys_are_destroyed_once_a_transaction_is_committed(vault: Vault, database: Database) -> None:
    """Not before: until then the old content still counts."""
    sealed = vault.seal("1", CONTENT)
    with database.transaction() as session:
        vault.destroy_after_commit(session, [sealed.key_id])
        vault.destroy_after_commit(session, [])
        with session.begin_nested():
            session.execute(sa.insert(records), [{"id": "1"}])
        assert vault.open("1", sealed) == CONTENT
    with pytest.raises(KeyDestroyedError):
        vault.open("1", sealed)


def test_keys_stay_when_the_transaction_is_rolled_back(vault: Vault, database: Database) -> None:
    """Also when the same session goes on with another one, and never from inside a savepoint."""
    sealed = vault.seal("1", CONTENT)
    with database.transaction() as session:
        vault.destroy_after_commit(session, [sealed.key_id])
        session.rollback()
        session.execute(sa.insert(records), [{"id": "2"}])
        with session.begin_nested(), pytest.raises(RuntimeError, match="savepoint"):
            vault.destroy_after_commit(session, [sealed.key_id])
    assert vault.open("1", sealed) == CONTENT


def test_a_transaction_stands_when_its_keys_cannot_be_destroyed(
    vault: Vault, database: Database, key_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """The commit is done; the sweep takes the keys, and the log says so."""
    sealed = vault.seal("1", CONTENT)
    with database.transaction() as session:
        session.execute(sa.insert(records), [{"id": "1"}])
        vault.destroy_after_commit(session, [sealed.key_id])
        with key_database.transaction() as keys:
            keys.execute(sa.text("DROP TABLE data_keys"))
    with database.reading() as session:
        assert session.scalar(sa.select(records.c.id)) == "1"
    assert "the sweep will" in caplog.text


def test_the_sweep_takes_what_nothing_refers_to_and_leaves_the_rest(vault: Vault, database: Database, hands) -> None:
    """Never issued, issued and rolled back, or left by a crash: after a week they go; a used key never does."""
    kept, photo, lost = (vault.seal(name, CONTENT) for name in ("kept", "photo", "lost"))
    with database.transaction() as session:
        row = {"id": "1", "key_id": kept.key_id, "photo_key_id": photo.key_id, "event_key_id": lost.key_id}
        session.execute(sa.insert(records), [row])
    hands.move(timedelta(days=7))
    assert vault.sweep_unused(used_in(database)) == 0
    hands.move(timedelta(seconds=1))
    assert vault.sweep_unused(used_in(database)) == 6
    assert vault.sweep_unused(used_in(database)) == 0
    assert vault.open("kept", kept) == vault.open("photo", photo) == CONTENT
    with pytest.raises(KeyDestroyedError):
        vault.open("lost", lost)


def test_what_a_process_still_has_in_hand_is_never_swept(vault: Vault, database: Database, hands) -> None:
    """However long a process lives: a key it gives out was reserved within the hour."""
    vault.seal("1", CONTENT)
    hands.move(timedelta(days=8))
    vault.sweep_unused(used_in(database))
    sealed = vault.seal("2", CONTENT)
    vault.sweep_unused(used_in(database))
    assert vault.open("2", sealed) == CONTENT


def test_a_sweep_goes_through_all_keys_in_parts(vault: Vault, database: Database, hands) -> None:
    """More keys than one statement takes, used and unused mixed."""
    sealed = [vault.seal(str(number), CONTENT) for number in range(1200)]
    with database.transaction() as session:
        rows = [{"id": str(number), "key_id": each.key_id} for number, each in enumerate(sealed) if number % 3]
        session.execute(sa.insert(records), rows)
    hands.move(timedelta(days=8))
    swept = vault.sweep_unused(used_in(database))
    ids = {each.key_id for each in sealed}
    assert vault.surviving(ids) == {row["key_id"] for row in rows}
    assert swept >= 400
