"""Two processes with four threads each that write to one SQLite file: how long the unluckiest waits.

Ours is `shared.database`, one INSERT a transaction. Beside it stands what SQLite's own waiting makes of the same, with
the bare driver and a busy timeout.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa
from pysqlite3 import dbapi2

from shared.database import Database
from shared.settings import ROOT
from tests.bench.bench import Bench
from tests.bench.measuring import Bar, Figure, in_turns, percentile, short

NAME = "writers"
BAR = Bar(200, 50, at_most=True)
PROCESSES, THREADS, EACH = 2, 4, 400
TABLE = "CREATE TABLE IF NOT EXISTS written (id INTEGER PRIMARY KEY, body TEXT NOT NULL)"
INSERT = "INSERT INTO written (body) VALUES (:body)"
BODY = "x" * 317


def measure(bench: Bench) -> Iterator[Figure]:
    """Measure the longest of a thousand waits."""
    if "sqlite" not in bench.databases:
        return
    bench.say(NAME)
    directory = bench.directory()
    for name in WRITERS:
        with _connected(directory / f"{name}.sqlite3") as connection:
            connection.execute(TABLE)
    rounds = in_turns([lambda name=name: _together(bench, name, directory) for name in WRITERS], bench.pairs)
    waits = {name: [percentile(each[side], 0.999) * 1000 for each in rounds] for side, name in enumerate(WRITERS)}
    usual = {name: percentile(rounds[-1][side], 0.5) * 1000 for side, name in enumerate(WRITERS)}
    beside = f"busy timeout: p99.9 {short(percentile(waits['bare'], 0.5))} ms, p50 {short(usual['bare'])} ms"
    yield Figure(
        NAME, "p99.9 of a write", waits["ours"], unit="ms", bar=BAR, ours=f"p50 {short(usual['ours'])} ms", floor=beside
    )


def _together(bench: Bench, name: str, directory: Path) -> list[float]:
    """Let all write at once; return how long each write took, in seconds."""
    command = [sys.executable, "-m", "tests.bench.rows.writers", name, str(directory), str(bench.number(EACH))]
    writers = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    for writer in writers:
        writer.stdout.readline()  # it has opened the file
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    return [took for writer in writers for took in json.loads(writer.communicate()[0])]


def _connected(path: Path) -> dbapi2.Connection:
    connection = dbapi2.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _ours(path: Path) -> Callable[[], Callable[[], None]]:
    database = Database(f"sqlite:///{path}")

    def write() -> None:
        with database.transaction() as session:
            session.execute(sa.text(INSERT), {"body": BODY})

    return lambda: write


def _bare(path: Path) -> Callable[[], Callable[[], None]]:
    def connected() -> Callable[[], None]:
        connection = _connected(path)

        def write() -> None:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(INSERT, {"body": BODY})
            connection.execute("COMMIT")

        return write

    return connected


WRITERS = {"ours": _ours, "bare": _bare}


def write_when_told() -> None:
    """One of the processes: NAME DIRECTORY NUMBER; it begins at a line on standard input."""
    name, directory, number = sys.argv[1:]
    each_thread = WRITERS[name](Path(directory) / f"{name}.sqlite3")
    took: list[float] = []

    def work(write: Callable[[], None]) -> None:
        for _ in range(int(number)):
            began = time.perf_counter()
            write()
            took.append(time.perf_counter() - began)

    threads = [threading.Thread(target=work, args=(each_thread(),)) for _ in range(THREADS)]
    print("ready", flush=True)  # noqa: T201 - whoever started us waits for it
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(took))  # noqa: T201


if __name__ == "__main__":
    write_when_told()
