"""Servers that belong to the tests: each in a directory of its own, on free ports, under a keeper."""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

KEEPER = Path(__file__).with_name("keeper.py")
PATIENCE = 90  # seconds that a server gets to start; the machine may be busy
_given: set[int] = set()


class MissingServerError(Exception):
    """The server's program is not on this machine; the message says what to install or to set."""


class Kept:
    """One server process that a keeper ends when we say so, or when we are gone."""

    def __init__(
        self,
        command: Sequence[str | Path],
        directory: Path,
        *,
        user: str = "",
        last_signal: str = "SIGKILL",
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self._command = [sys.executable, "-I", KEEPER, directory, user, last_signal, *command]
        self._environ = {**os.environ, **(environ or {})}
        self._keeper: subprocess.Popen[str] | None = None

    def start(self, ready: Callable[[], bool]) -> None:
        """Start the server and wait until it is ready; raises RuntimeError with its last words if it is not."""
        self._keeper = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, text=True, env=self._environ, start_new_session=True
        )
        deadline = time.monotonic() + PATIENCE
        while not ready():
            if self._keeper.poll() is not None or time.monotonic() > deadline:
                last_words = (self.directory / "log").read_text(errors="replace")[-2000:]
                self.close()
                raise RuntimeError(f"{self._command[6]} did not start:\n{last_words}")
            time.sleep(0.05)

    def end(self, by: str) -> None:
        """End the server with this signal and wait; its directory stays, for a new start."""
        self._leave(f"{by}\n")

    def close(self) -> None:
        """End the server and remove its directory; harmless when that was done."""
        self._leave("")
        shutil.rmtree(self.directory, ignore_errors=True)

    def _leave(self, order: str) -> None:
        if self._keeper is not None:
            self._keeper.communicate(order)
            self._keeper = None


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody has, below those that the system hands out for outgoing connections.

    None is given twice, and test processes that run side by side choose from ranges of their own: some time can pass
    until somebody listens on it.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
    while True:
        port = 20000 + 3000 * worker + random.randrange(3000)
        if port not in _given and not listens(port):
            _given.add(port)
            return port


def free_pair() -> int:
    """Return a port whose next one is free as well: the sandbox has the port after its installation's own."""
    while True:
        port = free_port()
        if port + 1 not in _given and not listens(port + 1):
            _given.add(port + 1)
            return port


def listens(port: int) -> bool:
    """Tell whether anybody listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
