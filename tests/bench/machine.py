"""What it was measured on: without that, a figure says nothing."""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.floors.plain import open_engine

LIBRARIES = ("SQLAlchemy", "psycopg", "pika", "Flask", "gunicorn", "celery")
WRITES = 400


def described(bench: Bench) -> Iterator[str]:
    """Yield a line for each thing that a figure depends on."""
    model = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s+(\d+) kB$", Path("/proc/meminfo").read_text(), re.MULTILINE)
    yield f"{os.cpu_count()} cores, {model[1] if model else platform.machine()}, {int(memory[1]) / 2**20:.0f} GiB"
    yield f"Linux {platform.release()}, {_file_system()}"
    yield f"fdatasync of 8 KiB: {_fsync()}"
    yield f"load average at the end: {', '.join(f'{each:.1f}' for each in os.getloadavg())}"
    yield f"Python {platform.python_version()}, {_servers(bench)}"
    yield ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    yield f"commit {_commit()}"


def _fsync() -> str:
    """Write and flush one page again and again, where the servers of this run have their files as well."""
    took = []
    with tempfile.TemporaryFile() as file:
        for _ in range(WRITES):
            os.pwrite(file.fileno(), b"x" * 8192, 0)
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - began) * 1e6)
    took.sort()
    return f"{statistics.median(took):.0f} µs (90 % within {took[int(WRITES * 0.9)]:.0f} µs)"


def _file_system() -> str:
    command = ["stat", "--file-system", "--format=%T", tempfile.gettempdir()]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _servers(bench: Bench) -> str:
    with open_engine("sqlite://").connect() as connection:
        said = [f"SQLite {connection.exec_driver_sql('SELECT sqlite_version()').scalar()}"]
    with open_engine(bench.postgres.url).connect() as connection:
        said.append(f"PostgreSQL {connection.exec_driver_sql('SHOW server_version').scalar()}")
    overview = bench.broker.management.call("GET", "overview")
    return ", ".join([*said, f"RabbitMQ {overview['rabbitmq_version']} on Erlang {overview['erlang_version']}"])


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
