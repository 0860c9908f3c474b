"""Problems (RFC 9457): one table from error to status."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException

from shared import errors
from shared.web.kinds import BY_STATUS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.web.kinds import Kind

MEDIA = "application/problem+json"
FIELD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.:\[\]-]{0,119}")
UNNAMED = "(a name that is not repeated here)"

STATUS: dict[type[Exception], int] = {
    errors.MalformedBodyError: 400,
    errors.UnauthenticatedError: 401,
    errors.ForbiddenError: 403,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.GoneError: 410,
    errors.PreconditionFailedError: 412,
    errors.TooLargeError: 413,
    errors.UnsupportedMediaTypeError: 415,
    errors.InvalidInputError: 422,
    errors.PreconditionRequiredError: 428,
    errors.TooManyRequestsError: 429,
    errors.OutsideError: 502,
    errors.UnavailableError: 503,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem, ready to be written as JSON or shown on a page."""

    kind: Kind
    detail: str
    headers: dict[str, str]
    fields: dict[str, list[str]]
    part: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Write it for a program: in English, with ``errors`` by field."""
        body: dict[str, Any] = {"type": self.kind.type, "title": self.kind.title, "status": self.kind.status}
        body["detail"] = self.detail or self.kind.meaning
        if self.fields:
            body["errors"] = self.fields
        if self.part:
            body["part"] = self.part
        return body


def problem_of(error: Exception) -> Problem:
    """Say which problem an error is; what is not foreseen is ``internal`` and says nothing of the inside."""
    if isinstance(error, HTTPException):
        return _of_framework(error)
    status = next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)
    if status == 500:
        return Problem(BY_STATUS[500], "", {}, {})
    return Problem(
        BY_STATUS[status],
        getattr(error, "detail", ""),
        _headers(error),
        _told(getattr(error, "fields", {})),
        getattr(error, "part", None),
    )


def _told(fields: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Name a field only by what can be the name of one: what was sent in its place may be an address (P4)."""
    return {name if FIELD_NAME.fullmatch(name) else UNNAMED: messages for name, messages in fields.items()}


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, errors.UnauthenticatedError):
        return {"WWW-Authenticate": 'Bearer realm="discreet"'}
    wait = getattr(error, "retry_after", None)
    return {"Retry-After": str(wait)} if wait else {}


def _of_framework(error: HTTPException) -> Problem:
    """Take over what Flask raises itself: no route, no such method, too many bytes."""
    status = error.code or 500
    kind = BY_STATUS.get(status) or (BY_STATUS[400] if status < 500 else BY_STATUS[500])
    allow = {name: value for name, value in error.get_headers() if name == "Allow"}
    return Problem(kind, "", allow, {})
