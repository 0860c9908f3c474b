"""A service's database: one local transaction per step, on SQLite or on PostgreSQL.

SQLite runs in WAL with ``synchronous=FULL``. Writers pass a file lock before BEGIN IMMEDIATE, because
waiting in the kernel is fair and sqlite's busy handler is not: the slowest writer waits a tenth as long.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Session

from shared.bell import WORK, Bell
from shared.crier import NearbyCrier, NotifyCrier
from shared.dialects import COMPILED
from shared.failpoints import reach
from shared.pacing import Pace

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from sqlalchemy.dialects.postgresql import Insert as PostgresqlInsert
    from sqlalchemy.dialects.sqlite import Insert as SqliteInsert
    from sqlalchemy.engine import Dialect

    from shared.bell import Work
    from shared.crier import Crier
    from shared.dialects.sqlite import SharingSQLite

CHANNEL = "discreet"
WAKING = "wakes for"
SQLITE_ERROR = 1
"""SQLite's code for a statement that is wrong, such as one about a table that is not there."""
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "read": {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"},
    "light": {"isolation_level": "AUTOCOMMIT"},
}
KEPT = 256  # statements that are built once: that takes about as long as sending one
_LOCKING = sa.text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key")
LONG_LOG = 8000  # pages of 4 KiB
COUNTED = {"preserve_rowcount": True}
LOOKED_AT = 2.0  # seconds; longer than the loops' poll, so that who does nothing asks nothing twice
NEW = float("inf")  # so that one just made is not asked either
ItemT = TypeVar("ItemT")
_log = logging.getLogger(__name__)
NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The tables that every service's database has."""

    metadata = sa.MetaData(naming_convention=NAMING)


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An aware UTC datetime; text of one width on SQLite, so that it sorts as time."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        """Use text where the database has no time with a zone."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(sa.String(27))
        return dialect.type_descriptor(sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse a naive datetime: nobody knows what time it means."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return _as_text(value) if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give back aware UTC."""
        if value is None:
            return None
        return (datetime.fromisoformat(value) if dialect.name == "sqlite" else value).astimezone(UTC)


@lru_cache(maxsize=256)
def _as_text(moment: datetime) -> str:
    """Write a time; of what is written together, most has the same."""
    return f"{moment.astimezone(UTC).isoformat(timespec='microseconds')[:-6]}Z"


RowId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""A row number the database hands out; SQLite only does so for INTEGER."""


class Database:
    """One database: sessions that write, sessions that read, and a bell that rings after a commit.

    The engine is made at first use and belongs to the process that made it, so that a fork shares no
    connection. ``url`` is a SQLAlchemy URL of SQLite (a file) or PostgreSQL. Databases of one process may
    share a ``bell``, for a loop that works on all of them.
    """

    def __init__(self, url: str, *, bell: Bell | None = None, pool_size: int = 10) -> None:
        self.url = sa.make_url(url)
        self.dialect = self.url.get_backend_name()
        self.bell = bell or Bell()
        self._file = Path(str(self.url.database)) if self.dialect == "sqlite" else None
        self._lock = f"{self._file}.lock"
        self._pace = Pace()
        self._pool_size = pool_size
        self._engines: dict[tuple[int, str], sa.Engine] = {}
        self._criers: dict[int, Crier] = {}
        self._opening = threading.Lock()
        self._writing = threading.local()

    @property
    def file(self) -> Path | None:
        """The SQLite file, or None on PostgreSQL."""
        return self._file

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

    def engine(self, use: str = "write") -> sa.Engine:
        """Return this process's engine for ``write``, ``read`` or ``light``."""
        key = (os.getpid(), use)
        if key not in self._engines:
            with self._opening:
                if key not in self._engines:
                    self._engines[key] = self._open(use)
        return self._engines[key]

    def expect_much(self) -> None:
        """Have what this process writes from now on go into SQLite's log many times before it is copied out of it.

        For a command that writes for minutes: a page is then copied once and not with every commit.
        """
        engine = self.engine("write")
        if self.dialect == "sqlite" and not sa.event.contains(engine, "connect", _let_the_log_grow):
            sa.event.listen(engine, "connect", _let_the_log_grow)
            engine.dispose()  # what is open already does not hear of it

    def close(self) -> None:
        """Close this process's connections."""
        if crier := self._criers.pop(os.getpid(), None):
            crier.end()
        for (pid, _), engine in list(self._engines.items()):
            if pid == os.getpid():
                engine.dispose()
        self._engines.clear()

    def _open(self, use: str) -> sa.Engine:
        if self.dialect == "sqlite":
            return _open_sqlite(self.url, use, self._pool_size)
        options: Mapping[str, Any] = OPTIONS.get(use, {})
        engine = sa.create_engine(
            self.url.set(drivername="postgresql+discreet"),
            hide_parameters=True,
            json_serializer=_json,
            pool_size=self._pool_size,
            connect_args={"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3},
            execution_options={**options, "compiled_cache": COMPILED},
        )
        _look_before_use(engine)
        if use == "light":
            sa.event.listen(engine, "connect", _wait_for_no_disk)
        return engine

    @contextmanager
    def _writing_alone(self) -> Iterator[None]:
        """Be the one writer of this thread and, on SQLite, of all processes."""
        if getattr(self._writing, "open", False):
            raise RuntimeError("a transaction of this database is already open in this thread")
        self._writing.open = True
        try:
            if self.file is None:
                yield
            else:
                lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    yield
                finally:
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


def _wait_for_no_disk(connection: Any, _record: Any) -> None:
    connection.autocommit = True
    connection.execute("SET synchronous_commit = off")


def _look_before_use(engine: sa.Engine) -> None:
    """Have a connection that nobody used for a while looked at first: the server may have been started anew.

    What was used a moment ago is not asked each time: that question takes as long as a statement does.
    """

    @sa.event.listens_for(engine, "checkin")
    def _used(_connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @sa.event.listens_for(engine, "checkout")
    def _look(connection: Any, record: Any, _fairy: Any) -> None:
        if time.monotonic() - record.info.get("used", NEW) < LOOKED_AT:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise sa.exc.DisconnectionError from error  # which has the pool make another


def _open_sqlite(url: sa.URL, use: str, pool_size: int) -> sa.Engine:
    engine = sa.create_engine(
        url.set(drivername="sqlite+discreet"),
        module=sqlite_module(),
        hide_parameters=True,
        json_serializer=_json,
        pool_size=pool_size,
        pool_use_lifo=True,  # the connection that was used last has most of the pages at hand
        connect_args={"check_same_thread": False, "timeout": 30},
        execution_options={"compiled_cache": COMPILED},
    )

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        for pragma in (
            "busy_timeout=30000",
            "journal_mode=WAL",
            f"synchronous={'NORMAL' if use == 'light' else 'FULL'}",
            "foreign_keys=ON",
            "secure_delete=ON",
            f"query_only={'ON' if use == 'read' else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    cast("SharingSQLite", engine.dialect).begins = "BEGIN" if use == "read" else "BEGIN IMMEDIATE"
    return engine


def _let_the_log_grow(connection: Any, _record: Any) -> None:
    connection.execute(f"PRAGMA wal_autocheckpoint={LONG_LOG}")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def sqlite_module() -> Any:
    """Prefer pysqlite3: its SQLite is newer than 3.51.3, before which a WAL reset can lose a page."""
    try:
        from pysqlite3 import dbapi2  # noqa: PLC0415 - not on every platform
    except ImportError:
        from sqlite3 import dbapi2  # noqa: PLC0415
    return dbapi2


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


def is_sqlite(session: Session) -> bool:
    """Tell which of the two databases a session is on."""
    return dialect_of(session) == "sqlite"


def dialect_of(session: Session) -> str:
    """Return the name of the database that a session is on: statements that are kept are kept for each."""
    return session.get_bind().dialect.name


def insert_into(session: Session, table: sa.Table) -> SqliteInsert | PostgresqlInsert:
    """Return the dialect's INSERT, which knows ON CONFLICT; the two are alike in what we use."""
    return insert_on(dialect_of(session), table)


def insert_on(dialect: str, table: sa.Table) -> SqliteInsert | PostgresqlInsert:
    """Return the INSERT of one of the two, for a statement that is built once."""
    # Only the one in use is loaded: the other's dialect costs each process megabytes.
    insert: SqliteInsert | PostgresqlInsert = import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
    return insert


def insert_once(session: Session, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> int:
    """Insert the rows whose keys are new and leave the others as they are; return how many were new."""
    if not rows:
        return 0
    statement = _inserting_once(dialect_of(session), table)
    new: sa.CursorResult[Any] = session.connection().execute(
        statement, rows if len(rows) > 1 else rows[0], execution_options=COUNTED
    )
    return new.rowcount


@lru_cache(maxsize=KEPT)
def _inserting_once(dialect: str, table: sa.Table) -> sa.Insert:
    return insert_on(dialect, table).on_conflict_do_nothing().inline()


def insert_all(session: Session, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows without asking for the numbers they got; one is sent in the simpler way of one."""
    if rows:
        session.connection().execute(_inserting(table), rows if len(rows) > 1 else rows[0])


@lru_cache(maxsize=KEPT)
def _inserting(table: sa.Table) -> sa.Insert:
    return sa.insert(table).inline()


def lock_subject(session: Session, refs: Collection[str]) -> None:
    """Hold everybody else off these people until the transaction ends, in one order for all.

    Every write that adds something about a person and every own-store obligation does this first;
    otherwise an erasure misses a form that is not yet committed. On SQLite the write transaction
    itself is that lock; on PostgreSQL an advisory lock, which leaves nothing behind.
    """
    if is_sqlite(session) or not refs:
        return
    keys = sorted({_lock_key(ref) for ref in refs})
    session.connection().execute(_LOCKING, {"keys": keys}).all()


def _lock_key(ref: str) -> int:
    return int.from_bytes(hashlib.sha256(f"subject {ref}".encode()).digest()[:8], signed=True)
