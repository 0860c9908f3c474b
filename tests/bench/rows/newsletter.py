"""A newsletter of 100,000, imported and compared by the commands as they are typed, and a full batch of a programme.

Imported by people whom the programme does not have yet, which is the most there can be to do: each is sealed twice. The
list that is compared comes whole, as Laposta gives it, from a server that does nothing else.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit

from services.newsletter.csv_files import COLUMNS
from shared.settings import ROOT
from tests.bench.bench import SHOWN, Bench
from tests.bench.measuring import Bar, Figure
from tests.kit.installation import on_postgresql
from tests.services.newsletter.desk import Desk, desk

NAME = "newsletter"
SIZE = 100_000
EVENTS = 1_000
ROUNDS = 3  # each is a hundred thousand people
IMPORT, MEMORY, BATCH = Bar(60, 60, at_most=True), Bar(200, 100, at_most=True), Bar(1, 1, at_most=True)
WEIGHED = """
import resource, subprocess, sys
status = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""
"""Starts a command and says its peak. It is small: of a process that is started, Linux counts its parent's too."""
REST = ("nl", "2024-03-31T02:30:00+01:00", "aanmeldformulier op de oude site", "Ja, mail mij dat.", "2023-01-01")


@dataclass(frozen=True)
class Used:
    """What a command took: seconds, and MiB at its peak."""

    seconds: float
    memory: float


def measure(bench: Bench) -> Iterator[Figure]:
    """Import, compare, and hear a batch, on a new newsletter each time."""
    size, rounds = bench.number(SIZE), min(bench.pairs, ROUNDS)
    for database in bench.databases:
        bench.say(f"{NAME}: {SHOWN[database]}")
        imported, compared, heard = zip(*(_round(bench, database, size) for _ in range(rounds)), strict=True)
        for what, used, bar in (("imported", imported, IMPORT), ("compared", compared, None)):
            told = f"{size:,} {what}, {SHOWN[database]}"
            yield Figure(NAME, told, [each.seconds for each in used], unit="s", bar=bar)
            yield Figure(NAME, f"{told}, at its peak", [each.memory for each in used], unit="MiB", bar=MEMORY)
        batches = [seconds for each in heard for seconds in each]
        yield Figure(NAME, f"a batch of {EVENTS:,} opt-outs, {SHOWN[database]}", batches, unit="s", bar=BATCH)


def _round(bench: Bench, database: str, size: int) -> tuple[Used, Used, list[float]]:
    directory = bench.directory()
    environ = on_postgresql(bench.database()) if database == "postgresql" else {}
    with desk(directory, **environ) as newsletter:
        imported = _run(newsletter, environ, "import", str(_file(directory / "list.csv", size)))
        with _programme(size) as url:
            register = newsletter.tools.settings.processors
            moved = directory / "moved.yaml"
            moved.write_text(register.read_text().replace("sandbox:laposta.base_url", url))
            compared = _run(newsletter, {**environ, "DISCREET_PROCESSORS": str(moved)}, "reconcile")
        return imported, compared, [_batch(newsletter, number) for number in range(3)]


def _run(newsletter: Desk, environ: Mapping[str, str], *words: str) -> Used:
    settings = newsletter.tools.settings
    own = {
        "DISCREET_MODE": "trial",
        "DISCREET_HOME": str(settings.home),
        "DISCREET_PORT": str(settings.port),
        "DISCREET_PROCESSORS": str(settings.processors),
        **environ,
    }
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", WEIGHED, sys.executable, "-m", "services.cli", "newsletter", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **own},
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"discreet newsletter {words[0]} ended with {done.returncode}")
    return Used(time.perf_counter() - began, int(done.stdout) / 1024)


def _batch(newsletter: Desk, number: int) -> float:
    """Let a thousand leave at the programme at once; return how long it took until all had ended here."""
    first = number * EVENTS
    items = [newsletter.item(_address(each)) for each in range(first, first + EVENTS)]
    began = time.perf_counter()
    status = newsletter.post(items).status_code
    took = time.perf_counter() - began
    if status != 200 or newsletter.tally("webhook.ended") != first + EVENTS:
        raise RuntimeError("the batch was not taken in")
    return took


def _address(number: int) -> str:
    return f"lid{number}@voorbeeld{number % 500}.example"


def _file(path: Path, size: int) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows((_address(number), "Lid", *REST) for number in range(size))
    return path


@contextmanager
def _programme(size: int) -> Iterator[str]:
    """Run what answers as Laposta does about a list of so many, all of them subscribed; give its address."""
    at, iso = "2024-03-31 02:30:00", "2024-03-31T02:30:00+01:00"
    shown = {
        "list_id": "l" * 10,
        "timezone": None,
        "signup_date": at,
        "signup_date_iso": iso,
        "modified": at,
        "modified_iso": iso,
        "confirm_date": at,
        "confirm_date_iso": iso,
        "ip": "192.0.2.1",
        "source_url": "",
        "custom_fields": {"voornaam": "Lid", "achternaam": "", "geboortedatum": "", "voorkeur": []},
    }
    members = [
        {"member": {"member_id": f"{number:016x}", "email": _address(number), "state": "active", **shown}}
        for number in range(size)
    ]
    bodies = {"active": json.dumps({"data": members}).encode()}
    field = json.dumps({"data": [{"field": {"custom_name": "voornaam"}}]}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = urlsplit(self.path)
            state = parse_qs(asked.query).get("state", [""])[0]
            body = field if asked.path.endswith("/field") else bodies.get(state, b'{"data": []}')
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ExitStack() as stack:
        server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        stack.callback(thread.join)
        stack.callback(server.shutdown)
        yield f"http://127.0.0.1:{server.server_port}"
