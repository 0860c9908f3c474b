"""A backup is put back, in whatever way: nothing that was decided since comes back, in an own store or outside."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.kit.installation import on_postgresql
from tests.kit.restoring import Clinic, clinic

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANNA, BERT, CARLA = "anna@voorbeeld.example", "bert@voorbeeld.example", "carla@voorbeeld.example"
WAYS = {"files": ("sqlite", "files"), "command": ("sqlite", "command"), "postgresql": ("postgresql", "command")}


@pytest.fixture(params=WAYS)
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Clinic, str]]:
    """Give a clinic and the way in which its backups are taken and put back."""
    database, way = WAYS[request.param]
    environ = on_postgresql(request.getfixturevalue("postgres_url")()) if database == "postgresql" else {}
    with clinic(tmp_path, **environ) as found:
        yield found, way


@pytest.mark.parametrize("services", [["newsletter"], ["requests"], ["intake", "dossier", "newsletter", "requests"]])
def test_nothing_comes_back_whoever_is_put_back(either: tuple[Clinic, str], services: list[str], tmp_path: Path):
    """From before an unsubscribe and an erasure: a service alone, the ledger alone, or all of them."""
    house, way = either
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
