"""What the broker is given at its start is what the code expects to find there."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from click.testing import CliRunner

from services.broker_commands import written
from services.cli import main
from shared.messaging.rabbitmq.topology import queue_name
from shared.settings import ROOT, SERVICES

COMMITTED = ROOT / "deploy" / "rabbitmq" / "definitions.json"


def test_the_committed_definitions_are_those_of_the_code():
    """After a change of handlers or topology: `discreet broker-definitions > deploy/rabbitmq/definitions.json`."""
    assert COMMITTED.read_text() == written({})


def test_nothing_committed_opens_anything():
    """An account without a hash cannot sign in; and nobody is administrator or guest."""
    users = json.loads(COMMITTED.read_text())["users"]
    assert [user["password_hash"] for user in users] == [""] * len(SERVICES)
    assert [user["tags"] for user in users] == [[]] * len(SERVICES)
    assert "guest" not in {user["name"] for user in users}


def test_every_service_has_a_lasting_queue_and_hears_every_decision():
    """A queue that is missing would lose events without anybody noticing."""
    content = json.loads(COMMITTED.read_text())
    queues = {queue["name"]: queue for queue in content["queues"]}
    assert set(queues) == {queue_name(service) for service in SERVICES}
    assert all(each["durable"] and each["arguments"] == {"x-queue-type": "quorum"} for each in queues.values())
    heard = {each["destination"] for each in content["bindings"] if each["routing_key"] == "decision.#"}
    assert heard == set(queues)


def test_passwords_come_from_files_and_go_out_as_hashes(tmp_path: Path):
    """The hash is RabbitMQ's own: a salt of four octets and SHA-256; the password itself is nowhere."""
    for service in SERVICES:
        (tmp_path / f"{service}-broker").write_text(f"secret-of-{service}\n")
    out = tmp_path / "definitions.json"
    done = CliRunner().invoke(main, ["broker-definitions", "--secrets", str(tmp_path), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "secret-of" not in out.read_text()
    for user in json.loads(out.read_text())["users"]:
        hashed = base64.b64decode(user["password_hash"])
        password = f"secret-of-{user['name'].removeprefix('svc-')}"
        assert hashed[4:] == hashlib.sha256(hashed[:4] + password.encode()).digest()


def test_a_password_that_is_missing_is_named(tmp_path: Path):
    """A broker without one of the accounts would start, and a service would wait for ever."""
    done = CliRunner().invoke(main, ["broker-definitions", "--secrets", str(tmp_path)])
    assert done.exit_code == 2
    assert "intake-broker" in done.output
