"""The journal: a references-only copy of every decision, flushed to disk before it counts as registered.

It lies in a directory meant for another volume than the databases, so that a restore from a backup
knows of the decisions that were taken after it. A line may be there twice; none may be missing.

Beside it, in files of their own, stand the words on what processors were asked: with the ledger lost, too, nobody
has to be asked once more. Those are not waited for: who loses one of them asks again.
"""

from __future__ import annotations

import json
import os
from itertools import groupby
from typing import TYPE_CHECKING

from shared.clock import utc_text
from shared.durable import make_directory, sync_directory
from shared.failpoints import reach

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from shared.messaging.outbox import StoredEvent

DECISIONS, WORDS = "decisions", "words"


_named: set[tuple[int, Path]] = set()
"""Which process knows of which files that their names are on the disk."""


class Journal:
    """One file a month, a JSON object a line: the event's exact text with its signature and key id."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def append(self, told: Iterable[tuple[StoredEvent, datetime]]) -> None:
        """Write decisions, each with when it is recorded, and wait until all are on the disk. Raises OSError."""
        for month, lines in _by_month(told):
            self._write(f"{DECISIONS}-{month}.jsonl", lines, wait=True)

    def note(self, told: Iterable[tuple[StoredEvent, datetime]]) -> None:
        """Write words on what processors were asked, and do not wait for the disk. Raises OSError."""
        for month, lines in _by_month(told):
            self._write(f"{WORDS}-{month}.jsonl", lines, wait=False)

    def read(self) -> Iterator[dict[str, str]]:
        """Yield every decision in order; a line that a crash cut short is passed over."""
        return self._read(DECISIONS)

    def read_words(self) -> Iterator[dict[str, str]]:
        """Yield every word on a decision, in the same way."""
        return self._read(WORDS)

    def forget_before(self, moment: datetime) -> None:
        """Remove the files of the months that were over by then."""
        for path in self._directory.glob("*-????-??.jsonl"):
            if path.stem[-7:] < f"{moment:%Y-%m}":
                path.unlink(missing_ok=True)

    def _write(self, name: str, lines: Sequence[str], *, wait: bool) -> None:
        make_directory(self._directory)
        path = self._directory / name
        named = (os.getpid(), path)
        is_named = named in _named and path.exists()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            # The break comes first: half a line that a crash left behind must not swallow this one.
            file.write("".join(f"\n{line}" for line in lines).encode())
            file.flush()
            if wait:
                reach("journal.written")
                os.fsync(file.fileno())
        if wait and not is_named:
            # Once in each process: the one that made the file may have ended before it came to this.
            reach("journal.flushed")
            sync_directory(self._directory)
            _named.add(named)

    def _read(self, kind: str) -> Iterator[dict[str, str]]:
        for path in sorted(self._directory.glob(f"{kind}-*.jsonl")):
            for line in path.read_text(encoding="ascii").split("\n"):
                try:
                    yield json.loads(line)
                except json.JSONDecodeError:
                    continue


def _by_month(told: Iterable[tuple[StoredEvent, datetime]]) -> Iterator[tuple[str, list[str]]]:
    for month, theirs in groupby(told, key=lambda each: f"{each[1]:%Y-%m}"):
        yield month, [_line(event, now) for event, now in theirs]


def _line(event: StoredEvent, now: datetime) -> str:
    return json.dumps(
        {
            "recorded_at": utc_text(now),
            "event_id": event.event_id,
            "type": event.type,
            "body": event.body,
            "signature": event.signature,
            "key_id": event.key_id,
        }
    )
