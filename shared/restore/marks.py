"""The mark outside each database, and whether a service may answer: it tells that a database was put back.

A mark is a small file in ``marks`` of the journal's directory, which is meant for another volume than the databases.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.durable import make_directory, write_whole
from shared.errors import ConfigurationError
from shared.restore.lives import Lives, key_mark, lives_of
from shared.restore.noticing import Mark, what_was_put_back

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from shared.database import Database
    from shared.restore.noticing import PutBack

REMEMBERED = 1.0
"""For how many seconds an answer is good: a PostgreSQL database can be put back under a process."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """What the marks and the databases say together."""

    lives: Lives
    file: Mark | None
    keys: tuple[Mark, datetime] | None
    put_back: PutBack | None

    @property
    def is_restoring(self) -> bool:
        """Whether something was put back and is not yet put right."""
        return self.put_back is not None or self.lives.current.is_catching_up

    @property
    def may_tell(self) -> bool:
        """Whether the log of decisions is all that this service can say."""
        return self.put_back in (None, "keys") and self.lives.may_tell


class MarkFile:
    """The file outside the databases of one service; ``discreet restore`` writes it too."""

    def __init__(self, journal: Path, service: str) -> None:
        self.path = journal / "marks" / f"{service}.json"

    def read(self) -> Mark | None:
        """Return the mark; None when there is no file. Raises ConfigurationError for what is no mark."""
        try:
            said = json.loads(self.path.read_text(encoding="ascii"))
            return Mark(str(said["incarnation"]), int(said["number"]), tuple(said.get("put_back", ())))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                f"{self.path} is no mark that can be read; docs/operations.md says why."
            ) from error

    def write(self, mark: Mark) -> None:
        """Write the mark, whole or not at all. Raises OSError."""
        make_directory(self.path.parent)
        content = {"incarnation": mark.incarnation, "number": mark.number, "put_back": list(mark.put_back)}
        write_whole(self.path, json.dumps(content).encode())


class Marks:
    """Tells whether the databases of one service were put back. Threads may share it.

    ``on_change`` is called when the database turned out to be in another life than before.
    """

    def __init__(
        self,
        file: MarkFile,
        database: Database,
        key_database: Database,
        *,
        on_change: Callable[[], None] = lambda: None,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self.file = file
        self._database = database
        self._key_database = key_database
        self._on_change = on_change
        self._seconds = seconds
        self._lock = threading.Lock()
        self._known: tuple[float, bool] = (-REMEMBERED, False)
        self._life: str | None = None

    def restoring(self) -> bool:
        """Tell whether stored data may not be shown or acted on now.

        Without a database to ask it is as it was: whatever then needs the database fails by itself.
        """
        at, answer = self._known
        if self._seconds() - at < REMEMBERED:
            return answer
        with self._lock:
            at, answer = self._known
            if self._seconds() - at < REMEMBERED:
                return answer
            answer = self._ask(before=answer)
            self._known = (self._seconds(), answer)
        return answer

    def look(self) -> Standing | None:
        """Compare the marks now; None before the first life began. Raises ConfigurationError.

        What looks put back is looked at twice: a mark may have been written while it was read.
        """
        standing = self._look()
        if standing is not None and standing.put_back is not None:
            standing = self._look()
        if standing is not None:
            life = f"{standing.lives.current.id} {standing.put_back}"
            if self._life not in (None, life):
                self._on_change()
            self._life = life
        return standing

    def forget(self) -> None:
        """Look again at the next question."""
        self._known = (-REMEMBERED, self._known[1])

    def _ask(self, *, before: bool) -> bool:
        try:
            standing = self.look()
        except sa.exc.SQLAlchemyError as error:
            _log.info("marks could not be compared", extra={"fields": {"because": type(error).__qualname__}})
            return before
        except ConfigurationError as error:
            _log.error("a mark cannot be read, so nothing stored is shown", extra={"fields": {"because": error.detail}})
            return True
        return standing is not None and standing.is_restoring

    def _look(self) -> Standing | None:
        file = self.file.read()
        with self._database.reading() as session:
            lives = lives_of(session)
        if lives is None:
            return None
        with self._key_database.reading() as session:
            keys = key_mark(session)
        put_back = what_was_put_back(file, lives.all, keys[0] if keys else None)
        return Standing(lives, file, keys, put_back)
