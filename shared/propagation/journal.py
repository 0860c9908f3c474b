"""The journal: a references-only copy of every decision, flushed to disk before it counts as registered.

It lies in a directory meant for another volume than the databases, so that a restore from a backup
knows of the decisions that were taken after it. A line may be there twice; none may be missing.

Beside it, in files of their own, stand the words on what processors were asked: with the ledger lost, too, nobody
has to be asked once more. Those are not waited for: who loses one of them asks again.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from shared.clock import utc_text
from shared.durable import make_directory, sync_directory
from shared.failpoints import reach

if TYPE_CHECKING:
    from collections.abc import Iterator
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

    def append(self, event: StoredEvent, now: datetime) -> None:
        """Write a decision and wait until it is on the disk. Raises OSError."""
        self._write(DECISIONS, event, now, wait=True)

    def note(self, event: StoredEvent, now: datetime) -> None:
        """Write a word on what a processor was asked, and do not wait for the disk. Raises OSError."""
        self._write(WORDS, event, now, wait=False)

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

    def _write(self, kind: str, event: StoredEvent, now: datetime, *, wait: bool) -> None:
        make_directory(self._directory)
        line = json.dumps(
            {
                "recorded_at": utc_text(now),
                "event_id": event.event_id,
                "type": event.type,
                "body": event.body,
                "signature": event.signature,
                "key_id": event.key_id,
            }
        )
        path = self._directory / f"{kind}-{now:%Y-%m}.jsonl"
        named = (os.getpid(), path)
        is_named = named in _named and path.exists()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            # The break comes first: half a line that a crash left behind must not swallow this one.
            file.write(f"\n{line}".encode())
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
