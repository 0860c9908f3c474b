"""What HTTP carries and JSON does not name, and marshmallow fields for it: files, and times with a zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError, fields

from shared.clock import parse_utc, utc_text
from shared.errors import InvalidInputError
from shared.identity import normalise_email, normalise_phone

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


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
