"""Runs a server for as long as standard input is open: nothing outlives the tests, however they end.

    python keeper.py DIRECTORY USER LAST_SIGNAL COMMAND...

A line on standard input names the signal to end the server with, and DIRECTORY stays, for a new start. The end of
standard input means that the tests are over or were killed: the server gets LAST_SIGNAL and DIRECTORY is removed.
What the server prints goes to DIRECTORY/log. This program is run by path and imports nothing of the project.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

PATIENCE = 20  # seconds that a server gets to end by a signal


def main() -> int:
    """Run the server until told otherwise; return 1 when it ended by itself."""
    directory, user, last_signal, *command = sys.argv[1:]
    server = start(Path(directory), user, command)
    while not select.select([sys.stdin], [], [], 0.2)[0]:
        if server.poll() is not None:
            return 1
    order = sys.stdin.readline().strip()
    end(server, signal.Signals[order or last_signal])
    if not order:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


def start(directory: Path, user: str, command: list[str]) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own, so that Ctrl-C in the terminal is not for it."""
    identity = {"user": user, "group": user, "extra_groups": []} if user else {}
    with (directory / "log").open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=directory,
            start_new_session=True,
            **identity,
        )


def end(server: subprocess.Popen[bytes], by: signal.Signals) -> None:
    """Signal the server and what it started; kill them when that takes too long."""
    try:
        os.killpg(server.pid, by)
        server.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    except ProcessLookupError:
        server.wait()


if __name__ == "__main__":
    sys.exit(main())
