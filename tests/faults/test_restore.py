"""A backup is put back, in whatever way: nothing that was decided since comes back, in an own store or outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

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
