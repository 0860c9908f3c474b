"""Alembic's environment: one for every database of every service; ``services.migrate`` says which."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from alembic import context

from shared.database import UtcDateTime

if TYPE_CHECKING:
    from alembic.autogenerate.api import AutogenContext


def render(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write our own types by a short name; alembic would write their place in the Python path."""
    if kind == "type" and isinstance(item, UtcDateTime):
        autogen.imports.add("from shared.database import UtcDateTime")
        return "UtcDateTime()"
    if kind == "type" and isinstance(item, sa.BigInteger) and item._variant_mapping:  # noqa: SLF001 - no public way
        autogen.imports.add("from shared.database import RowId")
        return "RowId"
    return False


def is_ours(item: Any, name: str | None, kind: str, _reflected: object, _other: Any) -> bool:
    """Compare only the tables of the branch a revision is being made for."""
    wanted = context.config.attributes["tables"]
    return kind != "table" or name in wanted


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes["metadata"],
    render_item=render,
    include_object=is_ours,
    render_as_batch=True,
    user_module_prefix="",
)
with context.begin_transaction():
    context.run_migrations()
