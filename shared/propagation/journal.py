"""The journal: a references-only copy of every decision, flushed to disk before it counts as registered.

It lies in a directory meant for another volume than the databases, so that a restore from a backup
knows of the decisions that were taken after it. A line may be there twice; none may be missing.
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


_named: set[tuple[int, Path]] = set()
"""Which process knows of which files that their names are on the disk."""


class Journal:
    """One file a month, a JSON object a line: the event's exact text with its signature and key id."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def append(self, event: StoredEvent, now: datetime) -> None:
        """Write a decision and wait until it is on the disk. Raises OSError."""
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
        path = self._directory / f"decisions-{now:%Y-%m}.jsonl"
        named = (os.getpid(), path)
        is_named = named in _named and path.exists()
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
            # The break comes first: half a line that a crash left behind must not swallow this one.
            file.write(f"\n{line}".encode())
            file.flush()
            reach("journal.written")
            os.fsync(file.fileno())
        if not is_named:
            # Once in each process: the one that made the file may have ended before it came to this.
            reach("journal.flushed")
            sync_directory(self._directory)
            _named.add(named)

    def read(self) -> Iterator[dict[str, str]]:
        """Yield every line in order; one that a crash cut short is passed over."""
        for path in sorted(self._directory.glob("decisions-*.jsonl")):
            for line in path.read_text(encoding="ascii").split("\n"):
                try:
                    yield json.loads(line)
                except json.JSONDecodeError:
                    continue
