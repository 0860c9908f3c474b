"""A session on one database, with a short way to its connection: SQLAlchemy's own looks for it anew each time."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, SessionTransaction


class OneDatabaseSession(Session):
    """A session whose every statement goes to one engine, so that nothing has to be looked up to know which.

    ``begin_now`` opens its transaction, whose connection is then at hand; inside a savepoint, which begins with the
    next statement, and after the transaction it is asked for in SQLAlchemy's way.
    """

    _opened: tuple[SessionTransaction | None, sa.Connection] | None = None

    def __init__(self, engine: sa.Engine) -> None:
        super().__init__(engine, expire_on_commit=False)
        self._engine = engine

    def begin_now(self) -> None:
        """Open the transaction: on SQLite it is BEGIN IMMEDIATE, since a read must not start a deferred one."""
        connection = super().connection()
        self._opened = (self.get_transaction(), connection)

    def connection(self, *arguments: Any, **options: Any) -> sa.Connection:
        """Return the connection of the transaction that is open."""
        if self._opened is not None and self._opened[0] is self.get_transaction() and not arguments and not options:
            return self._opened[1]
        return super().connection(*arguments, **options)

    def get_bind(self, *_: Any, **__: Any) -> sa.Engine:
        """Return the one engine."""
        return self._engine
