"""Text on one line, as most fields are."""

from __future__ import annotations

from typing import Any

from marshmallow import ValidationError, fields, validate

from shared.wording import is_one_line


def _is_one_line(value: str) -> None:
    if not is_one_line(value):
        raise ValidationError("Not text on one line.")


class LineField(fields.String):
    """Text on one line, without blanks around it."""

    def _deserialize(self, value: Any, *details: Any, **more: Any) -> str:
        return str(super()._deserialize(value, *details, **more)).strip()


def line(most: int, **more: Any) -> LineField:
    """Return a field of 1 to ``most`` printable characters."""
    return LineField(validate=[validate.Length(1, most), _is_one_line], **more)
