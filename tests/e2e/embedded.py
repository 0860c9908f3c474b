"""The one-machine set-up: `discreet up`, on SQLite, with the sandbox beside it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.e2e.running import DISCREET, Program, answers, plain_environ, processes_with
from tests.servers.kept import free_pair


class Embedded:
    """A trial as ./run starts it."""

    name = "embedded"
    trusts = True
    stays_away = False

    def __init__(self, directory: Path) -> None:
        self._home = directory / "home"
        port = free_pair()
        self.origin = f"http://127.0.0.1:{port}"
        self.sandbox = f"http://127.0.0.1:{port + 1}"
        self.sandbox_home = self._home
        self.mark = f"DISCREET_E2E={uuid.uuid4()}"
        name, _, value = self.mark.partition("=")
        self.environ: Mapping[str, str] = plain_environ(
            DISCREET_MODE="trial", DISCREET_HOME=str(self._home), DISCREET_PORT=str(port), **{name: value}
        )
        self._program = Program([DISCREET, "up"], directory / "up", self.environ)

    def start(self) -> None:
        """Start it, and wait until every service and the worker are there."""
        self._program.start(lambda: answers(f"{self.origin}/readyz") and answers(f"{self.sandbox}/healthz"))

    def stop(self) -> None:
        """End it as an administrator does; ``start`` starts it again."""
        self._program.stop()

    def close(self) -> None:
        """End it for good."""
        self._program.close()

    def stop_moving(self) -> None:
        """End the worker, which carries the events, as a crash would."""
        self._worker().kill()

    def go_on_moving(self) -> None:
        """Nothing to do: the parent starts another one."""

    def mail_folder(self) -> Path:
        """Return where mails lie."""
        return self._home / "mail"

    def logs(self) -> Mapping[str, str]:
        """Return what all processes logged: they share their parent's."""
        return {"up": self._program.log()}

    def own_processes(self) -> list[psutil.Process]:
        """Return the processes of the system itself, the sandbox aside."""
        return [each for each in processes_with(self.mark) if "services.sandbox" not in each.cmdline()]

    def _worker(self) -> psutil.Process:
        return psutil.Process(int((self._home / "run" / "worker.pid").read_text()))
