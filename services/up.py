"""The one-machine parent: prepares the home, starts the processes, and keeps them up. Standard library only."""

from __future__ import annotations

import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from services import welcome
from shared.backoff import pause
from shared.errors import ConfigurationError
from shared.settings import ROOT, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

PR_SET_PDEATHSIG = 1
LONGEST_PAUSE = timedelta(seconds=30)
HEALTHY_AFTER = 60.0  # seconds a child must live before its next failure counts as the first
READY_WITHIN = 60.0
FREE_WITHIN = 20.0  # a web process that an earlier parent left behind takes up to 15 seconds to end
# Two heaps are enough for our threads; glibc would make eight for each core, and keep what each once held.
ENVIRON = {"MALLOC_ARENA_MAX": "2", **os.environ}


@dataclass(slots=True)
class Child:
    """One process: its command, and how often it fell over of late."""

    name: str
    command: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    start_at: float = 0.0


def up(settings: Settings) -> int:
    """Run the system until SIGTERM or SIGINT; say where to look once it is ready."""
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _frame: stopping.append(received))
    (settings.home / "run").mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_one(settings.home):
        prepared = subprocess.run([sys.executable, "-m", "services.cli", "prepare"], check=False, cwd=ROOT)
        if prepared.returncode and not stopping:
            return prepared.returncode  # it has said what is wrong
        children = _children(settings)
        _wait_for_ports(settings, children, stopping)
        return _keep_up(settings, children, stopping)


def _children(settings: Settings) -> list[Child]:
    python = [sys.executable, "-m"]
    web = [
        *python,
        "gunicorn",
        "--config",
        str(ROOT / "deploy" / "gunicorn.conf.py"),
        "--bind",
        f"127.0.0.1:{settings.port}",
        "services.web:create_app()",
    ]
    children = [Child("web", web), Child("worker", [*python, "services.worker", "all"])]
    if settings.mode == "trial" and "sandbox:" in settings.processors.read_text(encoding="utf-8"):
        children.insert(0, Child("sandbox", [*python, "services.sandbox"]))
    return children


def _wait_for_ports(settings: Settings, children: list[Child], stopping: list[int]) -> None:
    """Start nothing before our ports are ours: what answers there otherwise would be taken for this system.

    Raises ConfigurationError when another program keeps one.
    """
    ports = [settings.port, *(settings.port + 1 for child in children if child.name == "sandbox")]
    began, told = time.monotonic(), False
    while not stopping and (taken := [port for port in ports if not _is_free(port)]):
        if time.monotonic() - began > FREE_WITHIN:
            raise ConfigurationError(f"Port {taken[0]} is in use. Set DISCREET_PORT; a trial takes the next one too.")
        if not told:
            told = True
            print(f"Port {taken[0]} is in use by another program; waiting for it.", file=sys.stderr)  # noqa: T201
        time.sleep(0.2)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended do not hold it
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _keep_up(settings: Settings, children: list[Child], stopping: list[int]) -> int:
    """Tend the children until a signal lies in ``stopping``."""
    announced, began = False, time.monotonic()
    while not stopping:
        for child in children:
            _tend(settings, child)
        if not announced and _is_ready(settings):
            announced = True
            print(welcome.text(settings), flush=True)  # noqa: T201
        elif not announced and time.monotonic() - began > READY_WITHIN:
            announced = True
            print(f"Not ready yet; see {settings.public_url}/readyz.", file=sys.stderr)  # noqa: T201
        time.sleep(0.1)
    _stop(settings, children)
    return 0


def _tend(settings: Settings, child: Child) -> None:
    """Start a child that is not there; one that keeps falling over is started ever less often."""
    now = time.monotonic()
    if child.process is not None:
        code = child.process.poll()
        if code is None:
            return
        lived = now - child.started
        child.failures = 1 if lived > HEALTHY_AFTER else child.failures + 1
        child.start_at = now + pause(child.failures, LONGEST_PAUSE).total_seconds()
        print(f"{child.name} ended with {code}; it is started again.", file=sys.stderr)  # noqa: T201
        child.process = None
    if now < child.start_at:
        return
    child.started = now
    child.process = subprocess.Popen(  # noqa: S603 - our own commands
        child.command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        env=ENVIRON,
        preexec_fn=_die_with_parent,  # noqa: PLW1509 - this process has one thread
    )
    (settings.home / "run" / f"{child.name}.pid").write_text(f"{child.process.pid}\n")


def _die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent is gone, however it went."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop(settings: Settings, children: Sequence[Child]) -> None:
    running = [child for child in children if child.process is not None]
    for child in running:
        child.process.terminate()  # type: ignore[union-attr]
    deadline = time.monotonic() + 20
    for child in running:
        try:
            child.process.wait(max(0.1, deadline - time.monotonic()))  # type: ignore[union-attr]
        except subprocess.TimeoutExpired:
            child.process.kill()  # type: ignore[union-attr]
            child.process.wait()  # type: ignore[union-attr]
        (settings.home / "run" / f"{child.name}.pid").unlink(missing_ok=True)


def _is_ready(settings: Settings) -> bool:
    """Ask /readyz. By hand, because an HTTP library would double the size of a process that asks once."""
    try:
        with socket.create_connection(("127.0.0.1", settings.port), timeout=2) as connection:
            connection.sendall(b"GET /readyz HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")
            return connection.recv(64).split()[1:2] == [b"200"]
    except OSError:
        return False


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Hold the home: two systems on one home would both move its events."""
    with (home / "run" / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigurationError(f"Discreet already runs on {home}.") from error
        pid_file = home / "run" / "up.pid"
        pid_file.write_text(f"{os.getpid()}\n")
        try:
            yield
        finally:
            pid_file.unlink()


def main() -> int:
    """Run the system that the environment describes; what is wrong with it is said in one line."""
    try:
        return up(Settings.from_environ(os.environ))
    except ConfigurationError as error:
        print(f"discreet: {error.detail}", file=sys.stderr)  # noqa: T201
        return 2


if __name__ == "__main__":
    sys.exit(main())
