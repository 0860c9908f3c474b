"""A backup is put back, in whatever way: nothing that was decided since comes back, in an own store or outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.newsletter.actions import told
from services.newsletter.processors.interface import ParsedWebhook, ProviderEvent
from tests.kit.restoring import Clinic, clinic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANNA, BERT, CARLA = "anna@voorbeeld.example", "bert@voorbeeld.example", "carla@voorbeeld.example"
EVERYBODY = ("intake", "dossier", "newsletter", "requests")
WAYS = [
    ("sqlite", "files", ("newsletter",)),
    ("sqlite", "files", ("requests",)),
    ("sqlite", "files", EVERYBODY),
    ("sqlite", "command", ("newsletter",)),
    ("sqlite", "command", EVERYBODY),
    pytest.param("postgresql", "command", EVERYBODY, marks=pytest.mark.xdist_group("servers")),
]


@pytest.fixture
def house(request: pytest.FixtureRequest, database: str, tmp_path: Path) -> Iterator[Clinic]:
    """Give a clinic on a database."""
    environ = request.getfixturevalue("postgres_environ")() if database == "postgresql" else {}
    with clinic(tmp_path, **environ) as found:
        yield found


@pytest.mark.parametrize(("database", "way", "services"), WAYS)
def test_nothing_comes_back_whoever_is_put_back(house: Clinic, way: str, services: tuple[str, ...], tmp_path: Path):
    """From before an unsubscribe and an erasure: a service alone, the ledger alone, or all of them."""
    house.subscribe(ANNA)
    erased = house.subscribe(BERT)
    house.back_up(way, tmp_path / "backup")
    house.unsubscribe(ANNA)
    house.erase(erased, email=BERT)
    assert house.members() == {ANNA: "unsubscribed"}
    assert house.open_decisions() == []
    before = house.changes_at_programme()
    house.put_back(way, tmp_path / "backup", services)
    assert set(house.restoring()) == set(services)
    house.catch_up()
    assert house.subscription(ANNA).state == "ended"
    assert house.subscription(BERT) is None
    assert not house.readable(BERT)
    assert house.members() == {ANNA: "unsubscribed"}
    assert [call for call in house.changes_at_programme()[len(before) :] if call.startswith("POST")] == []
    assert (house.on_ledger(), house.open_decisions(), house.parked()) == (2, [], [])


@pytest.mark.parametrize("database", ["sqlite"])
def test_what_a_programme_told_before_the_backup_waits_until_it_is_known_who_was_erased_since(
    house: Clinic, tmp_path: Path
) -> None:
    """Acted on at once it would be decided again, and the programme be asked about somebody whom it has let go."""
    erased = house.subscribe(BERT)
    house.subscribe(ANNA)
    house.clock.forward(minutes=5)
    tell_that_they_left(house, BERT, ANNA)
    house.back_up("command", tmp_path / "backup")
    house.settle()
    house.erase(erased, email=BERT)
    before = len(house.stage.calls("laposta"))
    house.put_back("command", tmp_path / "backup", ("newsletter",))
    house.catch_up()
    assert house.subscription(ANNA).state == "ended"
    assert house.subscription(BERT) is None
    assert [call.target for call in house.stage.calls("laposta")[before:]] == []
    assert (house.on_ledger(), house.open_decisions(), house.parked()) == (3, [], [])


def tell_that_they_left(house: Clinic, *emails: str) -> None:
    """Keep what a programme posts, and let nobody act on it yet."""
    tools, now = house.tools["newsletter"], house.clock()
    left = [
        ProviderEvent(kind="unsubscribed", list_id="", occurred_at=now, dedupe_key=each, email=each) for each in emails
    ]
    kept = told.prepare(tools, "laposta", [], ParsedWebhook(events=tuple(left)), now=now)
    with tools.database.transaction() as session:
        told.keep(session, kept, now=now)
