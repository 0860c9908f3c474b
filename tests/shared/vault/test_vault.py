"""Every record is sealed under a key of its own, and opens only where it belongs."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.database import Database
from shared.errors import ConfigurationError, IntegrityError, InvalidInputError, KeyDestroyedError
from shared.keys import KeyRing
from shared.vault import Sealed, Vault
from shared.vault.reserve import LARGE, SMALL
from shared.vault.tables import data_keys

CONTENT = {"first_name": "Renée", "email": "renee@example.nl", "visits": [1, 2], "phone": None}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def test_what_was_sealed_is_opened_again(vault: Vault) -> None:
    """And nothing of it can be read in between."""
    sealed = vault.seal("form-1", CONTENT)
    assert vault.open("form-1", sealed) == CONTENT
    assert b"Ren" not in sealed.ciphertext
    assert "ciphertext" not in repr(sealed)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(st.dictionaries(st.text(), JSON, max_size=4), st.text(alphabet=st.characters(codec="utf-8")))
def test_any_content_of_any_record_comes_back(vault: Vault, content: dict[str, object], record: str) -> None:
    """Whatever a form or a file can hold."""
    assert vault.open(record, vault.seal(record, content)) == content


def test_times_and_amounts_come_back_as_text(vault: Vault) -> None:
    """The vault keeps JSON; what a record means by it is the record's business."""
    sealed = vault.seal("1", {"at": datetime(2026, 1, 2, tzinfo=UTC), "sum": Decimal("9.50"), "id": UUID(int=1)})
    assert vault.open("1", sealed) == {"at": "2026-01-02T00:00:00Z", "sum": "9.50", "id": str(UUID(int=1))}


def test_bytes_come_back_as_they_were(vault: Vault) -> None:
    """Empty ones too."""
    for content in (b"", b"\x00\xff" * 70_000):
        assert vault.open_bytes("photo-1", vault.seal_bytes("photo-1", content)) == content


def test_text_without_a_utf8_form_is_refused_without_being_repeated(vault: Vault) -> None:
    """Half a surrogate pair, as JSON can carry it."""
    with pytest.raises(InvalidInputError) as caught:
        vault.seal("1", {"name": "Jan \ud800"})
    assert "Jan" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("how", ["record", "field", "service", "key", "bit", "form", "cut", "empty"])
def test_what_was_changed_or_moved_does_not_open(
    vault: Vault, key_database: Database, key_file, hands, how: str
) -> None:
    """Another record, field, service or key, one other bit, or a piece of it."""
    sealed, other = vault.seal("1", CONTENT, field="note"), vault.seal("1", CONTENT, field="note")
    record, field, opener, tried = "1", "note", vault, sealed.ciphertext
    match how:
        case "record":
            record = "2"
        case "field":
            field = ""
        case "service":
            opener = Vault(key_database, key_file.read, "dossier", hands.calendar)
        case "key":
            tried = other.ciphertext
        case "bit":
            tried = tried[:-1] + bytes([tried[-1] ^ 1])
        case "form":
            tried = b"\x02" + tried[1:]
        case "cut":
            tried = tried[:20]
        case "empty":
            tried = b""
    with pytest.raises(IntegrityError) as caught:
        opener.open(record, Sealed(sealed.key_id, tried), field=field)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_record_and_a_field_cannot_stand_for_each_other(vault: Vault) -> None:
    """The context has one reading: a field's name never holds the sign that ends a record's id."""
    sealed = vault.seal("1|note", CONTENT)
    with pytest.raises(IntegrityError):
        vault.open("1", sealed, field="note")
    with pytest.raises(ValueError, match="field"):
        vault.seal("1", CONTENT, field="note|")


def test_a_wrapped_key_moved_to_another_row_does_not_open(vault: Vault, key_database: Database) -> None:
    """Whoever can write the key database still cannot make one record's key open another's."""
    first, second = vault.seal("1", CONTENT), vault.seal("2", CONTENT)
    with key_database.transaction() as session:
        wrapped = session.scalar(sa.select(data_keys.c.wrapped).where(data_keys.c.key_id == first.key_id))
        session.execute(sa.update(data_keys).where(data_keys.c.key_id == second.key_id).values(wrapped=wrapped))
    with pytest.raises(IntegrityError):
        vault.open("2", second)


def test_another_process_with_the_same_keys_opens_it(vault: Vault, key_database: Database, key_file, hands) -> None:
    """The worker opens what the web process sealed."""
    worker = Vault(key_database, key_file.read, "intake", hands.calendar)
    assert worker.open("1", vault.seal("1", CONTENT)) == CONTENT


def test_without_its_master_key_a_record_is_not_said_to_be_erased(vault: Vault, key_database: Database, hands) -> None:
    """A lost key file is a fault of the installation, which a person must repair."""
    sealed = vault.seal("1", CONTENT)
    stranger = Vault(key_database, KeyRing.generate, "intake", hands.calendar)
    with pytest.raises(ConfigurationError, match="Master key"):
        stranger.open("1", sealed)


def test_an_unknown_key_counts_as_destroyed(vault: Vault) -> None:
    """A key that the sweep or a restore took away leaves nobody able to read the record."""
    with pytest.raises(KeyDestroyedError):
        vault.open("1", Sealed("0" * 32, b""))


def test_many_records_are_opened_with_their_keys_fetched_at_once(vault: Vault, key_database: Database) -> None:
    """One query for the keys of a page; a record whose key is destroyed is left out of it."""
    sealed = {str(number): vault.seal(str(number), {"number": number}) for number in range(30)}
    vault.destroy([sealed["7"].key_id])
    statements: list[str] = []
    sa.event.listen(
        key_database.engine("read"), "before_cursor_execute", lambda *arguments: statements.append(arguments[2])
    )
    opened = vault.open_many(sealed)
    assert opened == {str(number): {"number": number} for number in range(30) if number != 7}
    assert len([text for text in statements if "data_keys" in text]) == 1


def test_more_records_than_fit_one_query_are_opened(vault: Vault) -> None:
    """An export of everything is long."""
    sealed = {str(number): vault.seal(str(number), {"number": number}) for number in range(1100)}
    assert len(vault.open_many(sealed)) == 1100
    assert vault.surviving([each.key_id for each in sealed.values()]) == {each.key_id for each in sealed.values()}
    assert vault.destroy([each.key_id for each in sealed.values()]) == 1100


def test_no_two_records_share_a_key_under_many_threads(vault: Vault, key_database: Database) -> None:
    """Eight threads seal at once, across several blocks, and no block is reserved twice."""
    issued: list[str] = []
    start = threading.Barrier(8)

    def seal() -> None:
        start.wait()
        issued.extend([vault.seal_bytes("1", b"x").key_id for _ in range(40)])

    threads = [threading.Thread(target=seal) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(issued) == 320
    assert Counter(issued).most_common(1)[0][1] == 1
    assert vault.surviving(issued) == set(issued)
    with key_database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(data_keys)) == SMALL + 5 * LARGE


def test_sealing_the_same_record_again_takes_a_new_key(vault: Vault) -> None:
    """So that the old content is unreadable, in backups too, once the old key is destroyed."""
    old = vault.seal("1", {"name": "Jansen"})
    new = vault.seal("1", {"name": "Janssen"})
    vault.destroy([old.key_id])
    assert vault.open("1", new) == {"name": "Janssen"}
    with pytest.raises(KeyDestroyedError):
        vault.open("1", old)


def test_nothing_in_memory_opens_a_record_after_its_key_is_destroyed(vault: Vault, hands) -> None:
    """No key is kept after a call: what another process destroys is gone here at once."""
    sealed = vault.seal("1", CONTENT)
    assert vault.open("1", sealed) == CONTENT
    vault.destroy([sealed.key_id])
    hands.move(timedelta(0))
    with pytest.raises(KeyDestroyedError):
        vault.open("1", sealed)
