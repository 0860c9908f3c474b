"""The drill an administrator does: back up a system that runs, put the backup back, start, and look. Real processes."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest

from tests.e2e.embedded import Embedded
from tests.e2e.running import RunningSystem, answers
from tests.e2e.test_marker import opened, stored, tables_with

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def setup(tmp_path: Path) -> Iterator[Embedded]:
    """Give one machine, not started yet."""
    made = Embedded(tmp_path / "system")
    yield made
    made.close()


def test_an_erased_person_stays_erased_when_the_backup_is_put_back(setup: Embedded, tmp_path: Path):
    """Data and keys from before; killed and started again while it catches up; in the end nobody can read them."""
    word = f"Zq{secrets.token_hex(7)}"
    email = f"{word.lower()}@voorbeeld.example"
    system = RunningSystem(setup)
    setup.start()
    client = system.call("POST", "/dossier/v1/clients", role="front-desk", json={"name": word, "email": email}).json()
    assert system.call("POST", "/newsletter/v1/subscriptions", json={"first_name": word, "email": email}).ok
    assert system.call("POST", system.link(email, "confirm")).status_code == 200
    system.wait(lambda: system.members().get(email) == "active", "the programme to have them")
    backup = tmp_path / "backup"
    system.discreet("backup", "--out", str(backup))
    assert system.call("POST", system.link(email, "unsubscribe")).status_code == 200
    system.wait(lambda: system.members().get(email) == "unsubscribed", "the programme to stop")
    decision = erased(system, email)
    system.wait(lambda: email not in system.members(), "the programme to have nothing")
    assert "Stop it first" in system.discreet("restore", str(backup), check=False).stderr
    setup.stop()
    system.discreet("restore", str(backup))
    assert tables_with(word.lower(), opened(system, stored(system))) == {"clients", "subscriptions"}
    setup.start()
    setup.stop_moving()
    system.wait(lambda: answers(f"{system.origin}/readyz"), "every service to be whole again")
    assert system.call("GET", f"/dossier/v1/clients/{client['id']}", role="physician").status_code == 410
    system.wait(lambda: system.decision(decision)["state"] == "closed", "every answer, from the journal")
    assert email not in system.members()
    told = system.discreet("doctor").stdout
    assert told.count("put back and put right") == 4
    assert tables_with(word.lower(), opened(system, stored(system))) == set()


def erased(system: RunningSystem, email: str) -> str:
    """Ask for an erasure, grant it, and wait until every answer is in; return the decision's id."""
    asked = {"name": "A. B.", "email": email, "channel": "post"}
    case = system.call("POST", "/requests/v1/requests", role="front-desk", json=asked).json()["id"]
    path = f"/requests/v1/requests/{case}"

    def shown():
        return system.call("GET", path, role="privacy-coordinator")

    check = {"method": "counter", "document_type": "passport", "outcome": "verified", "email": True}
    tag = {"If-Match": shown().headers["ETag"]}
    assert system.call("POST", f"{path}/identity", role="front-desk", json=check, headers=tag).status_code == 200
    system.wait(lambda: shown().json()["state"] == "assessed", "every store to say what it holds")
    now = shown()
    named = [
        {name: each[name] for name in ("service", "category", "id")} for each in now.json()["inquiry"]["candidates"]
    ]
    granted = {"outcome": "grant", "records": named, "consequences_acknowledged": True}
    headers = {"If-Match": now.headers["ETag"]}
    assert system.call("POST", f"{path}/decision", role="privacy-coordinator", json=granted, headers=headers).ok
    [decision] = system.wait(lambda: system.decisions(kind="erasure", case=case) or None, "the decision on the ledger")
    system.wait(lambda: system.decision(decision["id"])["state"] == "closed", "every answer")
    return str(decision["id"])
