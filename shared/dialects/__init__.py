"""SQLite's and PostgreSQL's dialects for engines that share what they compile.

SQLAlchemy keeps compiled statements by engine, and by dialect object. A process here has up to twenty-four engines
(four services, each with two databases, each read, written, and written lightly), which are asked much the same.
"""

from __future__ import annotations

from sqlalchemy.dialects import registry
from sqlalchemy.util import LRUCache

COMPILED: LRUCache[object, object] = LRUCache(2000)
"""What was compiled in this process, for an engine's ``compiled_cache``."""

# By name, so that only the one in use is loaded.
registry.register("sqlite.discreet", f"{__name__}.sqlite", "SharingSQLite")
registry.register("postgresql.discreet", f"{__name__}.postgresql", "SharingPostgreSQL")
