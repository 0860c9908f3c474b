"""Counting instead of timing: what the databases of this process are asked, however fast they answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa


@dataclass
class Counts:
    """How often something was committed, and how often a driver was given a statement, for however many rows."""

    commits: int = 0
    statements: int = 0


@contextmanager
def counted() -> Iterator[Counts]:
    """Count over all engines of this process, those of key databases too, from here to the end of the block."""
    counts = Counts()

    def commit(_connection: Any) -> None:
        counts.commits += 1

    def execute(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        counts.statements += not statement.startswith("BEGIN")  # PostgreSQL's driver says that by itself

    sa.event.listen(sa.Engine, "commit", commit)
    sa.event.listen(sa.Engine, "before_cursor_execute", execute)
    try:
        yield counts
    finally:
        sa.event.remove(sa.Engine, "commit", commit)
        sa.event.remove(sa.Engine, "before_cursor_execute", execute)
