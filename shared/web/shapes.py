"""What HTTP carries and JSON does not name, and marshmallow fields for it: files, and times with a zone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from marshmallow import ValidationError, fields

from shared.clock import parse_utc, utc_text

if TYPE_CHECKING:
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


class TimeField(fields.AwareDateTime):
    """An aware UTC datetime, written as RFC 3339 with ``Z``; read with whatever zone it came."""

    def _serialize(self, value: datetime | None, *_: Any, **_more: Any) -> str | None:
        return None if value is None else utc_text(value)

    def _deserialize(self, value: Any, *_: Any, **_more: Any) -> datetime:
        try:
            return parse_utc(value)
        except (TypeError, ValueError, OverflowError):
            raise self.make_error("invalid", obj_type=self.OBJ_TYPE) from None
