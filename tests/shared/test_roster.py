"""The roster says whose key is which, and only the root key can have said it."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from shared.errors import ConfigurationError, IntegrityError
from shared.roster import Roster, RosterFile, RosterKey, roster_document, signature_text
from shared.signing import SigningKey

ROOT = SigningKey.generate()
EVENTS = SigningKey.generate()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def entry(key: SigningKey = EVENTS, **changes: object) -> RosterKey:
    """Make an entry: intake's key for events, from now on."""
    values = {"key_id": key.key_id, "holder": "intake", "purpose": "events", "public_key": key.public_key}
    return RosterKey(**{**values, "not_before": NOW, **changes})


def signed(document: bytes, root: SigningKey = ROOT) -> Roster:
    """Let the root key sign and the roster be read."""
    return Roster.verified(document, [root.sign(document)], ROOT.public_key)


def written(path: Path, serial: int = 1, *keys: RosterKey) -> bytes:
    """Write a roster file with its signature and return its bytes."""
    document = roster_document(serial, keys or [entry()])
    path.with_name(f"{path.name}.sig").write_bytes(signature_text([ROOT.sign(document)]))
    path.write_bytes(document)
    return document


def test_a_signed_roster_gives_its_keys(tmp_path: Path) -> None:
    """What the root key signed comes back, bytes and signature included for a proof."""
    document = written(tmp_path / "roster.json")
    roster = Roster.load(tmp_path / "roster.json", ROOT.public_key)
    assert roster.keys == (entry(),)
    assert roster.document == document
    assert roster.public_key(EVENTS.key_id).verifies(EVENTS.sign(b"event"), b"event")
    assert Roster.verified(roster.document, [roster.signature], ROOT.public_key) == roster


def test_a_roster_of_another_root_is_refused() -> None:
    """Whoever can write the file still cannot add a key."""
    with pytest.raises(IntegrityError, match="not signed"):
        signed(roster_document(1, [entry()]), root=SigningKey.generate())


def test_a_changed_roster_is_refused() -> None:
    """The signature is over exact bytes: even white space counts."""
    document = roster_document(1, [entry()])
    with pytest.raises(IntegrityError, match="not signed"):
        Roster.verified(document + b" ", [ROOT.sign(document), b""], ROOT.public_key)


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"extra": 1},
        {"keys": [{}]},
        {"keys": None},
    ],
)
def test_a_roster_of_another_form_is_refused(change: dict[str, object]) -> None:
    """A later version or an unknown field is not half understood, though the root signed it."""
    document = msgspec.json.decode(roster_document(1, [entry()])) | change
    with pytest.raises(IntegrityError):
        signed(msgspec.json.encode(document))


@pytest.mark.parametrize(
    "change",
    [
        {"purpose": "everything"},
        {"not_before": "2026-03-01T12:00:00"},
        {"not_after": "2026-02-01T12:00:00Z"},
        {"public_key": "AAAA"},
        {"key_id": "0123456789abcdef"},
        {"comment": "hello"},
    ],
)
def test_an_entry_of_another_form_is_refused(change: dict[str, object]) -> None:
    """An unknown purpose or field, a time without a zone, an end before the beginning, another key's id."""
    document = msgspec.json.decode(roster_document(1, [entry()]))
    document["keys"][0] |= change
    with pytest.raises(IntegrityError):
        signed(msgspec.json.encode(document))


def test_a_key_cannot_be_on_the_roster_twice() -> None:
    """One key has one holder and one purpose."""
    with pytest.raises(IntegrityError, match="twice"):
        roster_document(1, [entry(), entry(purpose="claims")])


def test_a_key_counts_for_its_holder_its_purpose_and_its_time() -> None:
    """Another service's key, a key for claims, or a key of before or after is no key for this event."""
    ends = NOW + timedelta(days=30)
    claims = SigningKey.generate()
    roster = signed(roster_document(1, [entry(not_after=ends), entry(claims, purpose="claims")]))
    assert roster.events_key_of("intake", EVENTS.key_id, NOW) is not None
    assert roster.events_key_of("intake", EVENTS.key_id, ends - timedelta(microseconds=1)) is not None
    assert roster.events_key_of("intake", EVENTS.key_id, ends) is None
    assert roster.events_key_of("intake", EVENTS.key_id, NOW - timedelta(microseconds=1)) is None
    assert roster.events_key_of("dossier", EVENTS.key_id, NOW) is None
    assert roster.events_key_of("intake", claims.key_id, NOW) is None
    assert roster.events_key_of("intake", "0123456789abcdef", NOW) is None


def test_a_replaced_roster_is_read_without_a_restart(tmp_path: Path) -> None:
    """A rotation reaches running processes; an unchanged file is not read again."""
    path = tmp_path / "roster.json"
    written(path)
    file = RosterFile(path, ROOT.public_key)
    first = file.current()
    assert file.current() is first
    other = SigningKey.generate()
    written(path, 2, entry(), entry(other, holder="dossier"))
    os.utime(path, ns=(1, 1))
    assert file.current().serial == 2
    assert file.current().public_key(other.key_id) is not None


def test_whoever_reads_while_a_roster_is_replaced_gets_one_of_the_two(tmp_path: Path) -> None:
    """The signatures are written first and hold the last one too, so either roster is signed."""
    path = tmp_path / "roster.json"
    old = written(path)
    new = roster_document(2, [entry()])
    path.with_name("roster.json.sig").write_bytes(signature_text([ROOT.sign(new), ROOT.sign(old)]))
    assert Roster.load(path, ROOT.public_key).serial == 1
    path.write_bytes(new)
    assert Roster.load(path, ROOT.public_key).serial == 2


def test_a_missing_roster_says_which_command_writes_it(tmp_path: Path) -> None:
    """Nothing is made silently; the same for a missing signature, and a garbled one is no signature."""
    path = tmp_path / "roster.json"
    with pytest.raises(ConfigurationError, match="discreet key make"):
        RosterFile(path, ROOT.public_key).current()
    path.write_bytes(roster_document(1, [entry()]))
    with pytest.raises(ConfigurationError, match=r"roster\.json\.sig is missing"):
        Roster.load(path, ROOT.public_key)
    path.with_name("roster.json.sig").write_text("%%% AAAA\n", encoding="ascii")
    with pytest.raises(IntegrityError):
        Roster.load(path, ROOT.public_key)
