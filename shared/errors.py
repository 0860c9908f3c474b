"""Every error Discreet raises on purpose.

DiscreetError                    a ``detail`` that may be shown: never a personal datum
├── ConfigurationError           an installation cannot run like this
├── MalformedBodyError           bytes that are not what their media type says
├── UnsupportedMediaTypeError    a media type, charset or encoding nobody asked for
├── TooLargeError                more bytes, fields or parts than the route takes
├── InvalidInputError            well-formed, but a field is wrong: ``fields`` says which
├── UnauthenticatedError         nobody we know
├── ForbiddenError               known, but not allowed
├── NotFoundError                never was here
├── GoneError                    was here, and was erased or closed
│   └── KeyDestroyedError        the record's data key is gone for good
├── ConflictError                the state does not allow it
├── PreconditionFailedError      somebody changed it meanwhile (RFC 9110 section 13)
├── PreconditionRequiredError    an edit without If-Match (RFC 6585)
├── TooManyRequestsError         ``retry_after`` in whole seconds
├── UnavailableError             a part of the system is down: ``part`` names it
├── IntegrityError               stored bytes, a chain or a signature do not hold
└── OutsideError                 what an outside party did
    ├── RetryableError           it may go better later: ``retry_after`` seconds if they said so
    └── PermanentError           it will not go better by itself

Which HTTP status belongs to which error is known to ``shared.web`` only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class DiscreetError(Exception):
    """The root. ``detail`` is one sentence that can be shown to whoever caused the error."""

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        self.detail = detail


class ConfigurationError(DiscreetError):
    """The installation cannot run like this; ``detail`` says what to change and where."""


class MalformedBodyError(DiscreetError):
    """The body is not what its media type says."""


class UnsupportedMediaTypeError(DiscreetError):
    """The media type, charset or content encoding is not one the route takes."""


class TooLargeError(DiscreetError):
    """More bytes, fields or parts than the route takes."""


class InvalidInputError(DiscreetError):
    """Well-formed input with wrong fields: ``fields`` maps a field's name to its messages."""

    def __init__(self, fields: Mapping[str, list[str]], detail: str = "") -> None:
        super().__init__(detail or "One or more fields are not valid.")
        self.fields = dict(fields)


class UnauthenticatedError(DiscreetError):
    """Nobody we know, or a proof of identity that does not hold."""


class ForbiddenError(DiscreetError):
    """Known, but not allowed to do this."""


class NotFoundError(DiscreetError):
    """It never was here, or the caller may not know that it is."""


class GoneError(DiscreetError):
    """It was here, and was erased, closed or used."""


class KeyDestroyedError(GoneError):
    """The data key of the record is destroyed: nobody can read it any more."""


class ConflictError(DiscreetError):
    """The state of the thing does not allow this now."""


class PreconditionFailedError(DiscreetError):
    """Somebody changed the resource since it was read (RFC 9110 section 13)."""


class PreconditionRequiredError(DiscreetError):
    """An edit must say with If-Match which version it edits (RFC 6585 section 3)."""


class TooManyRequestsError(DiscreetError):
    """More calls than the route takes; ``retry_after`` is in whole seconds."""

    def __init__(self, retry_after: int, detail: str = "") -> None:
        super().__init__(detail or "Too many calls in a short time.")
        self.retry_after = retry_after


class UnavailableError(DiscreetError):
    """A part of the system cannot answer now; ``part`` names it, ``retry_after`` is in whole seconds where known."""

    def __init__(self, part: str, detail: str = "", *, retry_after: int | None = None) -> None:
        super().__init__(detail or f"{part} is not available now.")
        self.part = part
        self.retry_after = retry_after


class IntegrityError(DiscreetError):
    """Stored bytes, a hash chain or a signature do not hold together."""


class OutsideError(DiscreetError):
    """Something an outside party did, or did not do."""


class RetryableError(OutsideError):
    """It may go better later; ``retry_after`` is in whole seconds where the party said so."""

    def __init__(self, detail: str = "", *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class PermanentError(OutsideError):
    """It will not go better by itself: a person must look at it."""
