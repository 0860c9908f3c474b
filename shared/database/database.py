"""Sessions on one database. On SQLite, writers pass a file lock before BEGIN IMMEDIATE.

Waiting in the kernel is fair and SQLite's busy handler is not: the slowest writer waits a tenth as long.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from shared.bell import WORK, Bell
from shared.crier import NearbyCrier, NotifyCrier
from shared.database.engines import let_the_log_grow, open_engine
from shared.failpoints import reach
from shared.pacing import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from shared.bell import Work
    from shared.crier import Crier
    from shared.database.engines import Use

CHANNEL = "discreet"
WAKING = "wakes for"
SQLITE_ERROR = 1
"""SQLite's code for a statement that is wrong, such as one about a table that is not there."""
ItemT = TypeVar("ItemT")
_log = logging.getLogger(__name__)


class Database:
    """One database: sessions that write, sessions that read, and a bell that rings after a commit.

    The engine is made at first use and belongs to the process that made it, so that a fork shares no
    connection. ``url`` is a SQLAlchemy URL of SQLite (a ``file``) or PostgreSQL (which has none). Databases of one
    process may share a ``bell``, for a loop that works on all of them.
    """

    def __init__(self, url: str, *, bell: Bell | None = None, pool_size: int = 10) -> None:
        self.url = sa.make_url(url)
        self.dialect = self.url.get_backend_name()
        self.bell = bell or Bell()
        self.file = Path(str(self.url.database)) if self.dialect == "sqlite" else None
        self._line = self.file and f"{self.file}.lock"
        self._pace = Pace()
        self._pool_size = pool_size
        self._engines: dict[tuple[int, Use], sa.Engine] = {}
        self._criers: dict[int, Crier] = {}
        self._opening = threading.Lock()
        self._writing = threading.local()

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Write: commit when the block ends, roll back when it raises. A nested one is an error at once."""
        with self._writing_alone(), Session(self.engine("write"), expire_on_commit=False) as session:
            if self.dialect == "sqlite":
                session.connection()  # BEGIN IMMEDIATE now: a read must not start a deferred transaction
            yield session
            reach("database.uncommitted")
            session.commit()
            work = session.info.get(WAKING, ())
        reach("database.committed")
        if work:
            self._announce(work)

    @contextmanager
    def light(self) -> Iterator[sa.Connection]:
        """Write by one statement what may be lost when the power is cut: nobody waits for the disk."""
        with self._writing_alone(), self.engine("light").begin() as connection:
            yield connection

    def hear(self, said: str) -> None:
        """Ring for what a process said that committed; not for our own word, for which the bell rang already."""
        who, *work = said.split() or [""]
        crier = self._criers.get(os.getpid())
        if crier is None or crier.name != who:
            self.bell.ring(*(each for each in WORK if each in work))

    @contextmanager
    def asking(self) -> Iterator[Session]:
        """Read by one statement: on PostgreSQL in one trip, where a transaction takes three.

        There nothing refuses a write, as ``reading`` does.
        """
        with Session(self.engine("read" if self.dialect == "sqlite" else "light")) as session:
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Read: one view of one moment, however often it is asked, and an error at any attempt to write."""
        with Session(self.engine("read"), expire_on_commit=False) as session:
            yield session

    def slices(
        self, items: Sequence[ItemT], kind: str, of: Callable[[ItemT], str] = lambda _: ""
    ) -> Iterator[Sequence[ItemT]]:
        """Cut what one transaction does to a batch: all at once, but on SQLite what, by its pace, there is time for.

        ``kind`` is what is done, and ``of`` to what. Whoever goes through these does the rest in a next transaction.
        """
        if self.dialect == "sqlite":
            yield from self._pace.slices(items, lambda item: f"{kind} {of(item)}")
        elif items:
            yield items

    def engine(self, use: Use = "write") -> sa.Engine:
        """Return this process's engine for ``write``, ``read`` or ``light``."""
        key = (os.getpid(), use)
        if key not in self._engines:
            with self._opening:
                if key not in self._engines:
                    self._engines[key] = open_engine(self.url, use, self._pool_size)
        return self._engines[key]

    def expect_much(self) -> None:
        """Have what this process writes from now on go into SQLite's log many times before it is copied out of it.

        For a command that writes for minutes: a page is then copied once and not with every commit.
        """
        if self.dialect == "sqlite":
            let_the_log_grow(self.engine("write"))

    def close(self) -> None:
        """Close this process's connections."""
        if crier := self._criers.pop(os.getpid(), None):
            crier.end()
        for (pid, _), engine in list(self._engines.items()):
            if pid == os.getpid():
                engine.dispose()
        self._engines.clear()

    @contextmanager
    def _writing_alone(self) -> Iterator[None]:
        """Be the one writer of this thread and, on SQLite, of all processes."""
        if getattr(self._writing, "open", False):
            raise RuntimeError("a transaction of this database is already open in this thread")
        self._writing.open = True
        try:
            if self._line is None:
                yield
            else:
                lock = os.open(self._line, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    yield
                finally:
                    fcntl.flock(lock, fcntl.LOCK_UN)  # closing would leave it to a child that was forked meanwhile
                    os.close(lock)
        finally:
            self._writing.open = False

    def _announce(self, work: Collection[Work]) -> None:
        self.bell.ring(*work)
        self._crier().cry(work)

    def _crier(self) -> Crier:
        pid = os.getpid()
        if pid not in self._criers:
            with self._opening:
                if pid not in self._criers:
                    if self.file is not None:
                        self._criers[pid] = NearbyCrier(self.file)
                    else:
                        self._criers[pid] = NotifyCrier(CHANNEL, lambda: self.engine("light"))
        return self._criers[pid]


def wake_after(session: Session, work: Work) -> None:
    """Have this transaction's commit wake whoever waits for this kind of work in this database."""
    session.info.setdefault(WAKING, set()).add(work)


def is_away(error: Exception) -> bool:
    """Tell a database that cannot answer now (gone, starting, full, busy) from a question that is wrong."""
    if isinstance(error, sa.exc.TimeoutError | sa.exc.InterfaceError):  # nobody has a connection to spare
        return True
    if not isinstance(error, sa.exc.DBAPIError):
        return False
    wrong = getattr(error.orig, "sqlite_errorcode", 0) == SQLITE_ERROR
    return error.connection_invalidated or (isinstance(error, sa.exc.OperationalError) and not wrong)
