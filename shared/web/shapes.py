"""Shapes that several services have: files, times with a zone, addresses, numbers, and text on one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError, fields, validate

from shared.clock import parse_utc, utc_text
from shared.errors import InvalidInputError
from shared.identity import normalise_email, normalise_phone
from shared.wording import Both, is_one_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

STATEMENT_VERSION = validate.Regexp(
    r"v?[0-9]{1,4}([.-][0-9]{1,2}){0,2}\Z",
    error=Both("Dit is geen versie van de privacyverklaring.", "Not a version of the privacy statement."),
)
"""The version of a statement, say 2024-07-01 or v2.1: it is kept in the clear, so it has no room for anything else."""
ONE_LINE = Both("Schrijf dit op één regel, zonder onzichtbare tekens.", "Not text on one line.")


def check_one_line(value: str) -> None:
    """Refuse text of more lines, or with characters that cannot be seen. Raises ValidationError."""
    if not is_one_line(value):
        raise ValidationError(ONE_LINE)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent; its name and media type are the sender's word."""

    filename: str
    media: str
    content: bytes


class FileField(fields.Field[Upload]):
    """A file part of a multipart body."""

    def _deserialize(self, value: Any, *_: Any, **_more: Any) -> Upload:
        if not isinstance(value, Upload):
            raise ValidationError("Not a file.")
        return value


class EmailField(fields.String):
    """An e-mail address as it was typed; one that cannot be any is refused with what is wrong about it."""

    def _deserialize(self, value: Any, *details: Any, **more: Any) -> str:
        return _checked(normalise_email, str(super()._deserialize(value, *details, **more)))


class PhoneField(fields.String):
    """A telephone number as it was typed."""

    def _deserialize(self, value: Any, *details: Any, **more: Any) -> str:
        return _checked(normalise_phone, str(super()._deserialize(value, *details, **more)))


def _checked(normalise: Callable[[str], str], typed: str) -> str:
    """Return what was typed: told here, beside the other fields that are wrong, and not by the action later."""
    try:
        normalise(typed)
    except InvalidInputError as error:
        raise ValidationError([message for messages in error.fields.values() for message in messages]) from None
    return typed


class TimeField(fields.AwareDateTime):
    """An aware UTC datetime, written as RFC 3339 with ``Z``; read with whatever zone it came."""

    def _serialize(self, value: datetime | None, *_: Any, **_more: Any) -> str | None:
        return None if value is None else utc_text(value)

    def _deserialize(self, value: Any, *_: Any, **_more: Any) -> datetime:
        try:
            return parse_utc(value)
        except (TypeError, ValueError, OverflowError):
            raise self.make_error("invalid", obj_type=self.OBJ_TYPE) from None
