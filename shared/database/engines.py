"""Opening a database for one of its three uses, and what holds of each of its connections.

SQLite runs in WAL with ``synchronous=FULL``; PostgreSQL as it comes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import msgspec
import sqlalchemy as sa

from shared.dialects import COMPILED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.dialects.sqlite import SharingSQLite

Use: TypeAlias = Literal["write", "read", "light"]
OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "read": {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ"},
    "light": {"isolation_level": "AUTOCOMMIT"},
}
LONG_LOG = 8000  # pages of 4 KiB
LOOKED_AT = 2.0  # seconds; longer than the loops' poll, so that who does nothing asks nothing twice
NEW = float("inf")  # so that one just made is not asked either


def open_engine(url: sa.URL, use: Use, pool_size: int) -> sa.Engine:
    """Return an engine of SQLite or PostgreSQL; ``pool_size`` is how many of its connections stay open."""
    return (_open_sqlite if url.get_backend_name() == "sqlite" else _open_postgresql)(url, use, pool_size)


def let_the_log_grow(engine: sa.Engine) -> None:
    """Have SQLite copy a page out of its log once in a while, and not with every commit."""
    if not sa.event.contains(engine, "connect", _let_the_log_grow):
        sa.event.listen(engine, "connect", _let_the_log_grow)
        engine.dispose()  # what is open already does not hear of it


def sqlite_module() -> Any:
    """Prefer pysqlite3: its SQLite is newer than 3.51.3, before which a WAL reset can lose a page."""
    try:
        from pysqlite3 import dbapi2  # noqa: PLC0415 - not on every platform
    except ImportError:
        from sqlite3 import dbapi2  # noqa: PLC0415
    return dbapi2


def _open_postgresql(url: sa.URL, use: Use, pool_size: int) -> sa.Engine:
    options: Mapping[str, Any] = OPTIONS.get(use, {})
    engine = sa.create_engine(
        url.set(drivername="postgresql+discreet"),
        hide_parameters=True,
        json_serializer=_json,
        pool_size=pool_size,
        pool_use_lifo=True,  # so that most of what stays open was looked at a moment ago
        connect_args={"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3},
        execution_options={**options, "compiled_cache": COMPILED},
    )
    _look_before_use(engine)
    if use == "light":
        sa.event.listen(engine, "connect", _wait_for_no_disk)
    return engine


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


def _open_sqlite(url: sa.URL, use: Use, pool_size: int) -> sa.Engine:
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
