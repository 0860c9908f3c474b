"""Types commands of ours: each runs in a fork of this process, which has loaded the libraries, and nothing of ours.

    python typist.py SOCKET

A message on the socket is one command with its arguments, its environment and its place, and comes with what it
writes to; the answer is how it ended. Loading the libraries takes a second, and so most of what a command takes.
This program is run by path.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import socket
import sys
from importlib import import_module

LIBRARIES = (
    *("alembic.command", "argon2", "click", "dns.resolver", "flask", "flask_wtf", "idna", "ijson", "imapclient", "jwt"),
    *("marshmallow", "msgspec", "phonenumbers", "pika", "psycopg", "requests", "rich.table", "yaml"),
    *("cryptography.hazmat.primitives.asymmetric.ed25519", "cryptography.hazmat.primitives.ciphers.aead"),
    *("sqlalchemy.orm", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite.pysqlite"),
)


def main() -> None:
    """Answer until nobody asks any more; in a fork, return when the module and everything is set."""
    for name in LIBRARIES:
        import_module(name)
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as asking:
        while True:
            message, files, _, _ = socket.recv_fds(asking, 1 << 20, 2)
            if not message:
                sys.exit()
            if (child := os.fork()) == 0:
                _become(json.loads(message), files)
                return
            for file in files:
                os.close(file)
            _, status = os.waitpid(child, 0)
            asking.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(asked: dict, files: list[int]) -> None:
    """Have what was asked for around this process."""
    for number, file in enumerate(files, 1):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(asked["environ"])
    os.chdir(asked["place"])
    sys.argv = ["discreet", *asked["arguments"]]
    sys.path[:0] = [asked["place"], *filter(None, asked["environ"].get("PYTHONPATH", "").split(os.pathsep))]


if __name__ == "__main__":
    main()
    runpy.run_module("services.cli", run_name="__main__", alter_sys=True)
