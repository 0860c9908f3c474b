"""Cursors: where a list goes on, opaque and not to be made up by the caller."""

from __future__ import annotations

import base64
import hmac
import json
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields, validate

from shared.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

TAG = 12


class PageQuerySchema(Schema):
    """The query of a route that lists; a route with filters inherits it."""

    cursor = fields.String(metadata={"description": "`next` of the page before"})
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


def list_of(item: type[Schema]) -> type[Schema]:
    """Make the schema of a page of a list: ``items`` and ``next``, null on the last page."""
    name = f"{item.__name__.removesuffix('Schema')}ListSchema"
    shape: dict[str, fields.Field[Any]] = {
        "items": fields.List(fields.Nested(item)),
        "next": fields.String(allow_none=True),
    }
    return Schema.from_dict(shape, name=name)


class Place:
    """Makes and reads the cursors of one route; a cursor of another route, or a changed one, is refused."""

    def __init__(self, secret: bytes, route: str) -> None:
        self._secret, self._route = secret, route

    def cursor(self, position: Sequence[Any]) -> str:
        """Write a position down; it is authentic, not secret: it must hold no personal data."""
        content = json.dumps(list(position), separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(self._tag(content) + content).decode().rstrip("=")

    def after(self, cursor: str | None) -> list[Any] | None:
        """Read a cursor back; None stays None. Raises InvalidInputError."""
        if cursor is None:
            return None
        try:
            packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except ValueError:
            packed = b""
        if not hmac.compare_digest(packed[:TAG], self._tag(packed[TAG:])):
            raise InvalidInputError({"cursor": ["Not a cursor of this list."]})
        position: list[Any] = json.loads(packed[TAG:])
        return position

    def _tag(self, content: bytes) -> bytes:
        key = hmac.digest(self._secret, f"cursor {self._route}".encode(), "sha256")
        return hmac.digest(key, content, "sha256")[:TAG]
