"""Text on one line, as most fields are."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from shared.web import check_one_line


class LineField(fields.String):
    """Text on one line, without blanks around it."""

    def _deserialize(self, value: Any, *details: Any, **more: Any) -> str:
        return str(super()._deserialize(value, *details, **more)).strip()


def line(most: int, **more: Any) -> LineField:
    """Return a field of 1 to ``most`` printable characters."""
    return LineField(validate=[validate.Length(1, most), check_one_line], **more)
