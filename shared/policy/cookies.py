"""The register of cookies (P82): what this system and the clinic's websites may set, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from marshmallow import Schema, ValidationError, fields, validate

from shared.deadlines import parse_period

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from dateutil.relativedelta import relativedelta

OURS = "discreet"
SESSION = "session"
NAME = validate.Regexp(r"[A-Za-z0-9_.!#$%&'*+^`|~-]{1,60}\Z", error="Not a name of a cookie (RFC 6265).")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cookie:
    """One cookie, ``set_by`` this system (``discreet``) or a site; ``life`` is ``session`` or an ISO 8601 period."""

    set_by: str
    kind: Literal["functional", "analytic"]
    life: str
    nl: str
    en: str

    @property
    def length(self) -> relativedelta | None:
        """How long it stays, or None for one that goes when the browser closes."""
        return None if self.life == SESSION else parse_period(self.life)


def _check_kind(value: str) -> None:
    """Refuse what would need consent first: nothing here asks for that (art. 11.7a Tw, P84)."""
    if value not in {"functional", "analytic"}:
        raise ValidationError("functional or analytic: any other kind needs consent first, and nothing asks for it.")


def _check_life(value: str) -> None:
    if value == SESSION:
        return
    try:
        parse_period(value)
    except ValueError as error:
        raise ValidationError(f"session, or an ISO 8601 period: {error}.") from error


class CookieSchema(Schema):
    """One cookie in the policy."""

    set_by = fields.String(required=True)
    kind = fields.String(required=True, validate=_check_kind)
    life = fields.String(required=True, validate=_check_life)
    nl = fields.String(required=True, validate=validate.Length(1, 300))
    en = fields.String(required=True, validate=validate.Length(1, 300))


def cookies_field() -> fields.Dict:
    """Return the field of the policy that names the cookies."""
    return fields.Dict(keys=fields.String(validate=NAME), values=fields.Nested(CookieSchema), required=True)


def cookies_of(said: Mapping[str, Mapping[str, Any]], sites: Collection[str]) -> dict[str, Cookie]:
    """Return the cookies of a checked policy. Raises ValidationError for one that nobody on the policy sets."""
    for name, cookie in said.items():
        if cookie["set_by"] not in {OURS, *sites}:
            raise ValidationError({f"cookies.{name}": [f"set_by is {OURS}, or the name of a site."]})
    return {name: Cookie(**cookie) for name, cookie in said.items()}
