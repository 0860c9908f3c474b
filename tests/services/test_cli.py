"""The ``discreet`` command: 0 when it is well, 1 when an answer is missing, 2 with one line when something is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from services import registry
from shared.auth import verify_token
from shared.clock import system_clock
from shared.keys import KeyStore
from shared.messaging import inbox as inboxes
from shared.messaging.outbox import StoredEvent
from shared.propagation import decisions
from shared.settings import ROOT, SERVICES
from shared.signing import fingerprint_of
from tests.kit.installation import Installation
from tests.kit.typed import typed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.events import DecisionKind

MODE = {"DISCREET_MODE": "trial"}


def discreet(*arguments: object, home: Path | None = None, cwd: Path = ROOT, **environ: str):
    """Run the command as somebody would type it."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("DISCREET_")}
    where = {**MODE, "DISCREET_HOME": str(home)} if home else {}
    return typed([*map(str, arguments)], {**own, "PYTHONPATH": str(ROOT), **where, **environ}, cwd)


def refused(done) -> str:
    """Assert that it ended with 2 and one line; return the line."""
    assert (done.returncode, done.stdout) == (2, ""), done
    assert "Traceback" not in done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("discreet: ")
    return str(line)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial's home, prepared as a start prepares it."""
    made = tmp_path_factory.mktemp("home")
    done = discreet("prepare", home=made)
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture(scope="module")
def installation(home: Path) -> Iterator[Installation]:
    """The same home, worked on by the test instead of a worker."""
    made = Installation(home, services=dict(registry.load_all()))
    made.clock.now = system_clock()
    yield made
    made.close()


def decide(installation: Installation, kind: DecisionKind) -> str:
    """Have the requests service take a decision about nobody."""
    tools, decision = installation.tools["requests"], str(uuid.uuid4())
    with tools.database.transaction() as session:
        decisions.take(
            session,
            tools,
            kind,
            decision_id=decision,
            refs=[],
            ground="request",
            decided_by="coordinator",
            now=installation.clock(),
        )
    return decision


@pytest.fixture(scope="module")
def unanswered(installation: Installation) -> str:
    """A decision that is registered and that nobody answered yet."""
    decision = decide(installation, "erasure")
    for _ in range(2):
        installation.mover.move()
        installation.apply()
    return decision


class TestProof:
    """Written by one who has the system, checked by one who has the file."""

    def test_a_proof_that_lacks_an_answer_holds_and_says_what_is_missing(
        self, home: Path, unanswered: str, tmp_path: Path
    ) -> None:
        """1: neither well nor broken."""
        written = discreet("proof", unanswered, home=home, cwd=tmp_path)
        assert written.returncode == 0, written.stderr
        file = tmp_path / f"proof-{unanswered}.json"
        checked = discreet("verify-proof", file)
        assert checked.returncode == 1
        assert "NO ANSWER" in checked.stdout
        assert "PROEFOMGEVING" in checked.stdout

    def test_a_proof_that_was_changed_does_not_hold(self, home: Path, unanswered: str, tmp_path: Path) -> None:
        """2, and which part."""
        file = tmp_path / "proof.json"
        assert discreet("proof", unanswered, "--out", file, home=home).returncode == 0
        proof = json.loads(file.read_text())
        proof["chain"]["head"] = "0" * 64
        file.write_text(json.dumps(proof))
        assert "head of the chain" in refused(discreet("verify-proof", file))

    def test_its_origin_is_compared_with_a_fingerprint(self, home: Path, unanswered: str, tmp_path: Path) -> None:
        """Learnt by another way than the file; it needs no settings and no home."""
        file = tmp_path / "proof.json"
        file.write_text(discreet("proof", unanswered, "--out", "-", home=home).stdout)
        fingerprint = fingerprint_of(KeyStore(home / "keys").root_public_key())
        assert discreet("verify-proof", file, "--root", fingerprint).returncode == 1
        assert "another root key" in refused(discreet("verify-proof", file, "--root", "00" * 32))

    @pytest.mark.parametrize("content", [b"", b"\xff", b"{}"])
    def test_what_is_no_proof_is_said_to_be_none(self, tmp_path: Path, content: bytes) -> None:
        """Whatever file somebody takes for one."""
        file = tmp_path / "x.json"
        file.write_bytes(content)
        assert "not a proof file" in refused(discreet("verify-proof", file))

    def test_of_what_never_was_there_is_no_proof(self, home: Path, tmp_path: Path) -> None:
        """And no file is left behind."""
        assert "No decision" in refused(discreet("proof", "nothing", home=home, cwd=tmp_path))
        assert list(tmp_path.iterdir()) == []


def test_everything_answered_is_a_zero(installation: Installation, home: Path, tmp_path: Path) -> None:
    """An inquiry, which every store answers."""
    decision = decide(installation, "inquiry")
    installation.settle()
    file = tmp_path / "proof.json"
    assert discreet("proof", decision, "--out", file, home=home).returncode == 0
    checked = discreet("verify-proof", file)
    assert checked.returncode == 0, checked.stdout
    assert "Integrity holds.\n" in checked.stdout


def test_a_token_stands_for_who_it_says_for_a_quarter_of_an_hour(home: Path) -> None:
    """Signed by the command's own key; every service takes it."""
    done = discreet("token", "--role", "privacy-coordinator", "--role", "admin", "--name", "m.devries", home=home)
    assert done.returncode == 0, done.stderr
    roster = KeyStore(home / "keys").roster().current()
    for service in SERVICES:
        principal = verify_token(done.stdout.strip(), audience=service, roster=roster, now=system_clock())
        assert (principal.subject, principal.roles) == ("m.devries", {"privacy-coordinator", "admin"})


def test_a_role_that_does_not_exist_is_named(home: Path) -> None:
    """Before anything is signed."""
    done = discreet("token", "--role", "emperor", home=home)
    assert (done.returncode, done.stdout) == (2, "")
    assert "emperor" in done.stderr


def test_what_was_set_aside_is_listed_shown_and_tried_again(installation: Installation, home: Path) -> None:
    """From the list to the retry, by what the list says."""
    tools = installation.tools["newsletter"]
    unreadable = StoredEvent("x", "discreet.fact.x.v1", "not an event", "", "")
    with tools.database.transaction() as session:
        inboxes.store(session, [unreadable], now=installation.clock())
    listed = discreet("parked", "list", "--service", "newsletter", home=home)
    assert "UnreadableEventError" in listed.stdout
    with tools.database.reading() as session:
        number = session.scalar(sa.text("SELECT id FROM inbox WHERE state = 'parked'"))
    shown = discreet("parked", "show", "newsletter", "inbox", number, home=home)
    assert json.loads(shown.stdout)["body"] == "not an event"
    assert discreet("parked", "retry", "newsletter", "inbox", number, home=home).returncode == 0
    assert "Nothing is parked" in refused(discreet("parked", "show", "newsletter", "inbox", number, home=home))
    assert "There is no cellar" in refused(discreet("parked", "retry", "newsletter", "cellar", 1, home=home))


def test_migrating_again_changes_nothing(home: Path) -> None:
    """Every start does it."""
    before = (home / "data" / "intake.sqlite3").stat().st_mtime_ns
    done = discreet("migrate", "--service", "intake", home=home)
    assert (done.returncode, done.stderr) == (0, "")
    assert (home / "data" / "intake.sqlite3").stat().st_mtime_ns == before


def test_the_timed_jobs_of_a_service_run_on_command(home: Path) -> None:
    """At once, whatever was due."""
    done = discreet("sweep", "intake", home=home)
    assert (done.returncode, done.stderr) == (0, "")


def test_p4_a_job_that_fails_is_told_without_the_values_that_were_in_it(home: Path, tmp_path: Path) -> None:
    """One line for the log, of type and place; one for whoever typed it."""
    (tmp_path / "intake.sqlite3").write_bytes(b"anna@example.nl" * 100)
    done = discreet("sweep", "intake", home=home, DISCREET_DATABASE_URL=f"sqlite:///{tmp_path}/{{service}}.sqlite3")
    logged, said = done.stderr.splitlines()
    assert json.loads(logged)["exception"] == "DatabaseError"
    assert said.startswith("discreet: ")
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("arguments", "environ", "said"),
    [
        (["migrate"], {}, "DISCREET_MODE"),
        (["token", "--role", "admin"], {"DISCREET_MODE": "trial", "DISCREET_HOME": "/nowhere"}, "key"),
        (["parked", "list"], {"DISCREET_MODE": "trial", "DISCREET_HOME": "/nowhere"}, "discreet migrate"),
        (["migrate"], {"DISCREET_MODE": "trial", "DISCREET_HOME": "/proc/nowhere"}, "/proc/nowhere"),
        (["worker", "intake"], {"DISCREET_MODE": "trial"}, "worker all"),
        (["up"], {"DISCREET_MODE": "trial", "DISCREET_PORT": "x"}, "DISCREET_PORT"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(arguments: list[str], environ: dict[str, str], said: str) -> None:
    """Somebody types it who does not read tracebacks."""
    assert said in refused(discreet(*arguments, **environ))


def test_help_comes_at_once() -> None:
    """It loads no database, no web, no broker and no cryptography; whoever only asks does not wait."""
    script = (
        "import sys, services.cli\n"
        "services.cli.main(['--help'], standalone_mode=False)\n"
        "heavy = {'sqlalchemy', 'flask', 'pika', 'cryptography', 'alembic', 'rich', 'requests'} & set(sys.modules)\n"
        "sys.exit(', '.join(heavy) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("up", "key", "account", "parked", "verify-proof", "broker-definitions"):
        assert f"  {command} " in done.stdout


@pytest.mark.parametrize("group", ["key", "account", "newsletter", "broker-definitions"])
def test_a_command_that_is_loaded_late_is_the_command(group: str) -> None:
    """With its own help and its own options."""
    done = discreet(group, "--help")
    assert done.returncode == 0
    assert f"Usage: services.cli {group}" in done.stdout or f"{group} [OPTIONS]" in done.stdout
