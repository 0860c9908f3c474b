"""The one-machine parent: it keeps its processes up, they do not outlive it, and it leaves nothing behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psutil
import pytest

from shared.settings import ROOT
from tests.servers.kept import free_pair, listens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CHILDREN = {"sandbox", "web", "worker"}
PATIENCE = 90  # seconds; the machine may be busy


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that other processes do."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


class Up:
    """A trial system on this machine, as ``discreet up`` starts it."""

    def __init__(self, home: Path, **environ: str) -> None:
        self.home, self.port = home, free_pair()
        own = {name: value for name, value in os.environ.items() if not name.startswith("DISCREET_")}
        where = {"DISCREET_MODE": "trial", "DISCREET_HOME": str(home), "DISCREET_PORT": str(self.port)}
        self.log = (home / "log").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "up"],
            cwd=ROOT,
            env={**own, **where, **environ},
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    def said(self) -> str:
        """Everything it has printed."""
        return (self.home / "log").read_text()

    def wait_until_ready(self) -> None:
        """Wait for the lines that say where to look."""
        until(lambda: "Discreet is ready" in self.said() or self.process.poll() is not None, self.said())
        assert self.process.poll() is None, self.said()

    def pids(self) -> dict[str, int]:
        """The process ids as the files under run/ have them."""
        files = (self.home / "run").glob("*.pid")
        return {file.stem: int(file.read_text()) for file in files if file.read_text().strip()}

    def family(self) -> list[psutil.Process]:
        """Everything it started, with what that started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def answers(self) -> bool:
        """Whether the web side is ready."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"GET /readyz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
                return b" 200 " in connection.recv(64)
        except OSError:
            return False

    def end(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Signal the parent and wait for it."""
        self.process.send_signal(by)
        return self.process.wait(PATIENCE)

    def close(self) -> None:
        """Leave nothing behind, also when the test failed."""
        if self.process.poll() is None:
            self.end()
        self.log.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Up]]:
    """Give a function that starts a system, again on the same home."""
    started: list[Up] = []

    def make(**environ: str) -> Up:
        started.append(Up(tmp_path, **environ))
        return started[-1]

    yield make
    for each in started:
        each.close()


def gone(processes: list[psutil.Process]) -> bool:
    """Whether none of them runs any more."""
    return not [each for each in processes if each.is_running() and each.status() != psutil.STATUS_ZOMBIE]


def test_a_system_is_kept_up_held_by_one_parent_and_gone_with_it(start: Callable[..., Up]) -> None:
    """Started, refused a second time, mended after kills, killed itself, and started again on the same home."""
    up = start()
    up.wait_until_ready()
    assert up.answers()
    pids = up.pids()
    assert set(pids) == {*CHILDREN, "up"}
    assert pids["up"] == up.process.pid

    second = start()
    assert second.process.wait(PATIENCE) == 2
    assert up.answers(), "the first is not disturbed"

    for name in CHILDREN:
        os.kill(pids[name], signal.SIGKILL)
    until(lambda: all(up.pids().get(name, pids[name]) != pids[name] for name in CHILDREN), "nothing was started again")
    until(up.answers, "the web side did not come back")
    assert up.pids()["up"] == up.process.pid

    family = up.family()
    assert len(family) >= len(CHILDREN)
    up.process.kill()
    up.process.wait()
    until(lambda: gone(family), "a child outlived its parent")

    again = start()
    again.wait_until_ready()
    family = again.family()
    assert again.end(signal.SIGTERM) == 0
    assert gone(family)
    assert again.pids() == {}
    assert not listens(again.port)


def test_it_stops_by_control_c_as_well_also_while_it_starts(start: Callable[..., Up]) -> None:
    """Nobody has to wait until it is ready to change their mind."""
    up = start()
    until(lambda: "web" in up.pids() or up.process.poll() is not None, up.said())
    family = up.family()
    assert up.end(signal.SIGINT) == 0
    assert gone(family)
    assert up.pids() == {}
    assert "Traceback" not in up.said()


def test_a_start_that_cannot_be_prepared_says_why_and_ends(start: Callable[..., Up]) -> None:
    """Live, without keys: one line, and nothing left running."""
    up = start(DISCREET_MODE="live")
    assert up.process.wait(PATIENCE) == 2
    assert "Traceback" not in up.said()
    assert len(up.said().splitlines()) == 1, up.said()
    assert up.pids() == {}


def test_a_port_that_another_program_has_is_named_and_nothing_is_started(start: Callable[..., Up]) -> None:
    """Its answers are not taken for ours, so nobody is sent to another system; the port of the sandbox counts too."""
    port = free_pair()
    with socket.socket() as other, socket.socket() as beside:
        other.bind(("127.0.0.1", port))
        other.listen()
        up = start(DISCREET_PORT=str(port))
        until(lambda: f"Port {port} is in use by another program; waiting for it." in up.said(), up.said())
        beside.bind(("127.0.0.1", port + 1))
        beside.listen()
        other.close()
        assert up.process.wait(PATIENCE) == 2
    assert f"Port {port + 1} is in use. Set DISCREET_PORT" in up.said()
    assert "ready" not in up.said()
    assert up.pids() == {}
