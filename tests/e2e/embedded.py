"""The one-machine set-up: `discreet up`, on SQLite, with the sandbox beside it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import psutil

from tests.e2e.running import DISCREET, Program, answers, plain_environ, processes_with
from tests.servers.kept import free_pair


class Embedded:
    """A trial as ./run starts it."""

    name = "embedded"
    trusts = True
    stays_away = False

    def __init__(self, directory: Path, **added: str) -> None:
        """Take a place, and what else stands in every process's environment."""
        self._home = directory / "home"
        port = free_pair()
        self.origin = f"http://127.0.0.1:{port}"
        self.sandbox = f"http://127.0.0.1:{port + 1}"
        self.sandbox_home = self._home
        self.mark = f"DISCREET_E2E={uuid.uuid4()}"
        name, _, value = self.mark.partition("=")
        self.environ: Mapping[str, str] = plain_environ(
            DISCREET_MODE="trial", DISCREET_HOME=str(self._home), DISCREET_PORT=str(port), **{name: value}, **added
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

    def server_logs(self) -> Mapping[str, str]:
        """There are no servers."""
        return {}

    def own_processes(self) -> list[psutil.Process]:
        """Return the processes of the system itself, the sandbox aside."""
        return [each for each in processes_with(self.mark) if "services.sandbox" not in each.cmdline()]

    def victims(self) -> Mapping[str, Callable[[], None]]:
        """Return what can be killed -9, by name; the parent starts it again.

        Not the parent itself: with it would go the sandbox, and what the played programme remembers.
        """
        return {
            "web": partial(self._kill_child, "web"),
            "web's worker": self._kill_gunicorn_worker,
            "worker": partial(self._kill_child, "worker"),
        }

    def _kill_child(self, name: str) -> None:
        self._child(name).kill()

    def _kill_gunicorn_worker(self) -> None:
        master = self._child("web")
        if not (workers := master.children()):
            raise psutil.NoSuchProcess(master.pid, "its worker is not back yet")
        for each in workers:
            each.kill()

    def _worker(self) -> psutil.Process:
        return self._child("worker")

    def _child(self, name: str) -> psutil.Process:
        if not (number := (self._home / "run" / f"{name}.pid").read_text()):
            raise psutil.NoSuchProcess(0, name, "its parent is writing its number")
        return psutil.Process(int(number))
