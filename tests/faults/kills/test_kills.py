"""A trial in each set-up: its story is told; then its processes are killed -9, and nobody was told what is not so."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.e2e.distributed import DistributedTrial
from tests.e2e.embedded import Embedded
from tests.e2e.running import RunningSystem, memory_of, processes_with
from tests.faults.kills.ahead import ahead
from tests.faults.kills.judging import COORDINATOR, Judge
from tests.faults.kills.killing import Killer
from tests.faults.kills.mailbox import Mailbox
from tests.faults.kills.visitors import MARK, Staff, Visitors
from tests.servers.kept import MissingServerError

SETUPS = {"embedded": Embedded, "distributed": DistributedTrial}
CLOCK = "DISCREET_CLOCK_FILE"
SECONDS = 30.0
"""Of killing, where nobody asked for minutes."""
PAUSES = (0.2, 1.0)
LEASES = timedelta(minutes=11)
"""By then a mail or an obligation that a killed process had in hand is anybody's again."""
HEALED_WITHIN = 300.0
PROOFS = 5


@pytest.fixture(scope="module", params=SETUPS)
def system(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSystem]:
    """Both set-ups, each started once, with a clock that a test can put ahead."""
    directory = tmp_path_factory.mktemp(request.param)
    added = {"DISCREET_TESTING": "1", CLOCK: str(directory / "clock")}
    try:
        setup = SETUPS[request.param](directory, **added)
    except MissingServerError as error:
        pytest.skip(str(error))
    try:
        setup.start()
        yield RunningSystem(setup)
    finally:
        setup.close()
    assert processes_with(setup.mark) == []


def test_in_a_second_terminal_the_demo_ends_in_every_receipt(system: RunningSystem) -> None:
    """Nobody says there that it is a trial; nobody would know that they have to."""
    told = system.discreet("demo", unsaid=("DISCREET_MODE", "DISCREET_TESTING", CLOCK)).stdout
    assert told.splitlines()[-1] == "Every receipt is there."
    for row in ("unsubscribe", "erasure", "processor-signed", "re-read", "recounted", "statement", "not-addressed"):
        assert row in told
    if system.setup.name == "embedded":
        assert memory_of(system.setup.own_processes()) * 1.048576 < 200, "megabytes, the parent included"


def test_whoever_is_killed_nothing_acknowledged_is_lost_or_done_twice(
    system: RunningSystem, tmp_path: Path, pytestconfig: pytest.Config
):
    """Forms, sign-ups, confirmations, unsubscribes and erasures under kill -9, then healed and counted."""
    seed = pytestconfig.getoption("seed", None) or random.SystemRandom().randrange(10**6)
    minutes = pytestconfig.getoption("minutes", None)
    print(f"\n{system.setup.name}: seed={seed}", flush=True)  # noqa: T201 - a run that fails is run again by its seed
    mailbox = Mailbox(system.setup.mail_folder())
    visitors = Visitors(system, mailbox, seed)
    staff = Staff(system, visitors)
    judge = Judge(system, mailbox, visitors, staff)
    visitors.start()
    staff.start()
    with Killer(system.setup.victims(), seed, PAUSES) as killer:
        killer.run(minutes * 60 if minutes else SECONDS)
    healing = time.monotonic()
    assert killer.failure is None, killer.failure
    with ahead(Path(system.setup.environ[CLOCK]), LEASES):
        system.forget_tokens()
        visitors.stop()
        staff.stop()
        system.wait(judge.is_at_rest, "everything to come to rest", HEALED_WITHIN)
        findings = judge.judge()
        proved = proofs_that_hold(system, judge, random.Random(seed), tmp_path)
    cycles = ", ".join(f"{name} {count}" for name, count in sorted(killer.killed.items()))
    print(  # noqa: T201 - the figures of docs/reliability.md
        f"{system.setup.name}: kill cycles={killer.killed.total()} ({cycles}) {findings}"
        f" proofs={proved} healed in {time.monotonic() - healing:.0f} s",
        flush=True,
    )
    assert not findings.faults, "\n".join(findings.faults)
    assert findings.acknowledged > 0
    assert names_in_logs(system) == []


def proofs_that_hold(system: RunningSystem, judge: Judge, chance: random.Random, directory: Path) -> int:
    """Check the proofs of some decisions as anybody can, from their files; return how many."""
    decisions = [each["id"] for each in judge.decisions()]
    chosen = chance.sample(decisions, min(PROOFS, len(decisions)))
    root = system.discreet("key", "fingerprint").stdout.strip()
    for each in chosen:
        proof = directory / f"{each}.json"
        answer = system.call("GET", f"/requests/v1/decisions/{each}/proof", role=COORDINATOR)
        proof.write_bytes(answer.content)
        system.discreet("verify-proof", str(proof), "--root", root)
    return len(chosen)


def names_in_logs(system: RunningSystem) -> list[str]:
    """Return the logs in which somebody stands; dying processes and servers log more than others (P4)."""
    logs = system.setup.logs() | system.setup.server_logs()
    return [name for name, log in logs.items() if MARK in log.lower()]
