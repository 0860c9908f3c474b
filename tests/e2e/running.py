"""A whole system that runs, as its users see it: one address, a mailbox, the programme at the other end."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import psutil
import requests

from shared.mail import MailFolder
from shared.mail.folder import StoredMail
from shared.settings import ROOT
from tests.servers.kept import Kept

PROGRAMS = Path(sys.executable).parent
DISCREET = str(PROGRAMS / "discreet")
PATIENCE = 60.0  # seconds for anything to happen; on an idle machine nothing takes more than a few
TOKEN_LIFE = 600.0
FoundT = TypeVar("FoundT")


class Setup(Protocol):
    """How the system was set up: what differs between one machine and many processes."""

    name: str
    origin: str
    trusts: str | bool
    environ: Mapping[str, str]
    """Of the command line on this system."""
    sandbox: str
    sandbox_home: Path
    mark: str
    """An entry of every process's environment, NAME=value."""
    stays_away: bool
    """Whether what was stopped by ``stop_moving`` stays away until it is told to go on."""

    def start(self) -> None:
        """Start everything and return when all of it is ready."""

    def close(self) -> None:
        """End everything."""

    def stop_moving(self) -> None:
        """Have no event go from one service to another until ``go_on_moving``."""

    def go_on_moving(self) -> None:
        """Let them go again."""

    def mail_folder(self) -> Path:
        """Return where mails lie."""

    def logs(self) -> Mapping[str, str]:
        """Return what each process logged."""

    def server_logs(self) -> Mapping[str, str]:
        """Return what the servers logged that are not ours."""

    def own_processes(self) -> Sequence[psutil.Process]:
        """Return our own processes, without servers and the sandbox."""

    def victims(self) -> Mapping[str, Callable[[], None]]:
        """Return what can be killed -9, by name: each call kills it and sees to it that it comes back."""


@dataclass
class RunningSystem:
    """What people, processors and staff do with a system that runs."""

    setup: Setup
    measured: dict[str, float] = field(default_factory=dict)
    _tokens: dict[str, tuple[float, str]] = field(default_factory=dict)
    _mail_names: set[str] = field(default_factory=set)
    _mails: list[StoredMail] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """Where everything is."""
        return self.setup.origin

    def call(self, method: str, path: str, *, role: str | None = None, **options: Any) -> requests.Response:
        """Call the system at its public address, in a role or as a visitor."""
        headers = {**options.pop("headers", {})}
        if role is not None:
            headers["Authorization"] = f"Bearer {self.token(role)}"
        url = path if path.startswith("http") else f"{self.origin}{path}"
        with requests.Session() as session:
            session.trust_env = False
            answer = session.request(
                method, url, headers=headers, verify=self.setup.trusts, timeout=30, allow_redirects=False, **options
            )
        assert answer.status_code != 500, f"{method} {path}\n{self._last_words()}"
        return answer

    def token(self, role: str) -> str:
        """Return a token of the command line; one is good for fifteen minutes."""
        made, token = self._tokens.get(role, (0.0, ""))
        if not token or time.monotonic() - made > TOKEN_LIFE:
            token = self.discreet("token", "--role", role, "--name", f"test.{role}").stdout.strip()
            self._tokens[role] = (time.monotonic(), token)
        return token

    def forget_tokens(self) -> None:
        """Make new ones from now on: the clock was changed."""
        self._tokens.clear()

    def discreet(
        self, *arguments: str, check: bool = True, unsaid: Collection[str] = (), **added: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of the administrator's, with what is added to its environment, and without what is unsaid."""
        said = {name: value for name, value in self.setup.environ.items() if name not in unsaid}
        done = subprocess.run(
            [DISCREET, *arguments],
            env={**said, **added},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def mails(self, to: str) -> list[StoredMail]:
        """Return the mails to an address, oldest first."""
        names = {str(path) for path in self.setup.mail_folder().rglob("*")}
        if names != self._mail_names:  # who waits asks many times a second, and reading mails takes long
            self._mail_names, self._mails = names, MailFolder(self.setup.mail_folder()).newest(200)
        return [mail for mail in reversed(self._mails) if mail.to == to]

    def link(self, to: str, kind: str) -> str:
        """Wait for a mail with a link of this kind, and return the last one's."""
        pattern = re.compile(rf"{re.escape(self.origin)}/newsletter/{kind}/[\w-]+")
        return self.wait(
            lambda: next((found[0] for mail in reversed(self.mails(to)) if (found := pattern.search(mail.text))), None),
            f"a mail to {to} with a link to {kind}",
        )

    def members(self) -> dict[str, str]:
        """Return whom the newsletter programme has, with the state it gives them."""
        answer = requests.get(f"{self.setup.sandbox}/sandbox/v1/newsletter/laposta/members", timeout=10)
        return {member["email"]: member["state"] for member in answer.json()}

    def at_programme(self, act: str, email: str) -> None:
        """Let somebody do something on the programme's own screens."""
        url = f"{self.setup.sandbox}/sandbox/v1/newsletter/laposta/{act}"
        assert requests.post(url, json={"email": email}, timeout=10).status_code == 204

    def calls_at_programme(self, method: str) -> int:
        """Return how often the programme was called so."""
        calls = requests.get(f"{self.setup.sandbox}/sandbox/v1/calls?processor=laposta", timeout=10).json()
        return sum(call["method"] == method for call in calls)

    def programme_behaves(self, behaviour: str, times: int | None = None) -> None:
        """Have the programme behave so from now on."""
        content = {"processor": "laposta", "behaviour": behaviour, "times": times}
        assert requests.post(f"{self.setup.sandbox}/sandbox/v1/behaviour", json=content, timeout=10).status_code == 204

    def decisions(self, **wanted: str) -> list[dict[str, Any]]:
        """Return decisions, the latest first."""
        answer = self.call("POST", "/requests/v1/decisions/search", role="privacy-coordinator", json=wanted)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]

    def decision(self, decision: str) -> dict[str, Any]:
        """Return one decision with its answers."""
        answer = self.call("GET", f"/requests/v1/decisions/{decision}", role="privacy-coordinator")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def wait(self, found: Callable[[], FoundT | None], what: str, seconds: float = PATIENCE) -> FoundT:
        """Return what is found as soon as it is; an error says what never came and what was logged last."""
        deadline = time.monotonic() + seconds
        while True:
            if (value := found()) is not None and value is not False:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: not within {seconds:.0f} seconds\n{self._last_words()}")
            time.sleep(0.05)

    def _last_words(self) -> str:
        """Return what was logged last, without the calls that were answered as they should be."""
        logs = {
            name: [line for line in log.splitlines() if '"info"' not in line] for name, log in self.setup.logs().items()
        }
        return "\n".join(f"{name}: {line}" for name, lines in logs.items() if name != "edge" for line in lines[-6:])


def processes_with(mark: str) -> list[psutil.Process]:
    """Return the processes that have this in their environment."""
    name, _, value = mark.partition("=")
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(name) == value and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def memory_of(processes: Sequence[psutil.Process]) -> float:
    """Return the memory of processes together in MiB; what they share counts once (PSS)."""
    kibibytes = 0
    for process in processes:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        kibibytes += int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)[1])
    return kibibytes / 1024


class Program:
    """One process of ours under a keeper: it ends with the tests, however they end."""

    def __init__(self, command: Sequence[str | Path], directory: Path, environ: Mapping[str, str]) -> None:
        directory.mkdir(parents=True)
        self._log = directory / "log"
        # A clean environment: what a process needs is in its own, and nothing of ours helps it.
        self._kept = Kept(["/usr/bin/env", "-i", *_pairs(environ), *command], directory, last_signal="SIGTERM")

    def start(self, ready: Callable[[], bool]) -> None:
        """Start it and wait until it is ready."""
        self._kept.start(ready)

    def log(self) -> str:
        """Return what it logged."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def stop(self) -> None:
        """Ask it to end, and wait until it has; it can be started again."""
        self._kept.end("SIGTERM")

    def kill(self) -> None:
        """End it and what it started without a word; it can be started again."""
        self._kept.end("SIGKILL")

    def close(self) -> None:
        """The same, for good."""
        self._kept.close()


def plain_environ(**added: str) -> dict[str, str]:
    """Return what a process of ours gets as in the image: where programs and our own modules are, and no more."""
    return {
        "PATH": f"{PROGRAMS}:{os.environ['PATH']}",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "PYTHONSAFEPATH": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **added,
    }


def answers(url: str, trusts: str | bool = True) -> bool:
    """Tell whether an address answers with 200."""
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(url, timeout=5, verify=trusts).status_code == 200
    except requests.RequestException:
        return False


def read_addresses(home: Path) -> Mapping[str, Mapping[str, str]]:
    """Return how the played processors are reached."""
    return json.loads((home / "sandbox.json").read_text())


def _pairs(environ: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in environ.items()]
