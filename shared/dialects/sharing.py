"""What makes two dialects the same one to whoever looks up a compiled statement."""

from __future__ import annotations

from sqlalchemy.engine.default import DefaultDialect


class Sharing(DefaultDialect):
    """Equal to another of its class, unless the servers are of different versions: then SQL may differ."""

    # SQLAlchemy asks it of every class anew.
    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.server_version_info == self.server_version_info

    def __hash__(self) -> int:
        return hash(type(self))
