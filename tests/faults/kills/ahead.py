"""A clock that goes on, but ahead: what was claimed by a process that is dead is free again without waiting for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from shared.clock import utc_text


@contextmanager
def ahead(file: Path, by: timedelta) -> Iterator[None]:
    """Keep a clock file so far ahead of the machine's time."""
    stop = threading.Event()
    _write(file, by)
    thread = threading.Thread(target=_go_on, args=(file, by, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _go_on(file: Path, by: timedelta, stop: threading.Event) -> None:
    while not stop.wait(0.2):
        _write(file, by)


def _write(file: Path, by: timedelta) -> None:
    """In one step: nobody reads half a time."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(utc_text(datetime.now(UTC) + by))
    new.replace(file)
