"""Commands as an administrator types them, many of them in little time."""

from __future__ import annotations

import atexit
import json
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from shared.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TYPIST = Path(__file__).with_name("typist.py")
PATIENCE = 120  # seconds


class Typist:
    """A process that types; it ends with whoever has its socket."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(PATIENCE)
        with theirs:
            command = [sys.executable, "-P", TYPIST, str(theirs.fileno())]
            self._process = subprocess.Popen(command, pass_fds=[theirs.fileno()], cwd=ROOT, start_new_session=True)
        atexit.register(self.close)

    def type(self, asked: Mapping[str, Any], *files: IO[str]) -> int:
        """Have a command typed that writes to these files; return how it ended."""
        socket.send_fds(self._socket, [json.dumps(asked).encode()], [file.fileno() for file in files])
        return int(self._socket.recv(16))

    def close(self) -> None:
        """End it."""
        self._socket.close()
        self._process.wait()


def typed(arguments: Sequence[str], environ: Mapping[str, str], place: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Type ``discreet`` with these arguments, and wait for its end."""
    asked = {"arguments": arguments, "environ": dict(environ), "place": str(place)}
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as wrong:
        ended = _typist().type(asked, said, wrong)
        for file in (said, wrong):
            file.seek(0)
        return subprocess.CompletedProcess(["discreet", *arguments], ended, said.read(), wrong.read())


_typist = cache(Typist)
