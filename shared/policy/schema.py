"""The shape of the policy file; whatever is not in it is an error that says where."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, get_args

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shared.errors import InvalidInputError
from shared.events import DECISION_KINDS
from shared.identity import normalise_email
from shared.policy import parts
from shared.policy.cookies import cookies_field, cookies_of
from shared.policy.limits import violations
from shared.policy.parts import Span
from shared.policy.sites import sites_field, sites_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

CLASS_NAME = validate.Regexp(r"(intake|dossier|newsletter|requests|console|system)\.[a-z][a-z-]*", error="Not a class.")
SLUG = validate.Regexp(r"[a-z][a-z0-9-]*\Z", error="Not a name in lower case.")
DNS_NAME = validate.Regexp(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63}){0,3}\Z", re.IGNORECASE, error="Not a name in DNS.")
FILLED = validate.Length(min=1, max=500)


class PeriodField(fields.Field[Span]):
    """An ISO 8601 calendar period."""

    def _serialize(self, value: Span | None, attr: str | None, obj: Any, **_options: Any) -> str | None:
        return value.text if value else None

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_options: Any) -> Span:
        try:
            return Span.parse(value if isinstance(value, str) else "")
        except ValueError as error:
            raise ValidationError(f"Not usable: {error}.") from error


class HoursField(fields.Field[timedelta]):
    """A number of hours, as ``PT72H``: a clock that runs through days and nights alike."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_options: Any) -> timedelta:
        match = re.fullmatch(r"PT([1-9][0-9]*)H", str(value))
        if match is None:
            raise ValidationError("Not a number of hours such as PT72H.")
        return timedelta(hours=int(match[1]))


class MonthDayField(fields.Field[tuple[int, int]]):
    """A day of every year, as ``01-01``."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_options: Any
    ) -> tuple[int, int]:
        try:
            day = date.fromisoformat(f"2001-{value}")
        except ValueError as error:
            raise ValidationError("Not a day such as 01-01.") from error
        return day.month, day.day


def _text() -> fields.String:
    return fields.String(required=True, validate=FILLED)


def address_field() -> fields.String:
    """Return a field of one e-mail address, kept as it was written."""
    return fields.String(required=True, validate=_check_address)


def _closed(names: Collection[str], values: type[Schema]) -> fields.Dict:
    """Return a field that has exactly these names."""
    return fields.Dict(
        required=True,
        keys=fields.String(validate=validate.OneOf(tuple(names), error="Not one of the names that can be here.")),
        values=fields.Nested(values),
        validate=lambda said: _check_complete(said, names),
    )


def _check_address(value: str) -> None:
    try:
        normalise_email(value)
    except InvalidInputError as error:
        raise ValidationError("Not an e-mail address.") from error


def _check_complete(said: Mapping[str, Any], names: Collection[str]) -> None:
    if missing := [name for name in names if name not in said]:
        raise ValidationError(f"Missing: {', '.join(missing)}.")


class TermSchema(Schema):
    """How long one class of data is kept."""

    nl, en = _text(), _text()
    period, erase_after = PeriodField(), PeriodField()
    start = fields.String(data_key="from", validate=validate.OneOf(get_args(parts.Start)))
    lasting = fields.String(data_key="while", validate=validate.OneOf(get_args(parts.Lasting)))
    law = fields.String(validate=FILLED)

    @validates_schema
    def check(self, said: Mapping[str, Any], **_options: Any) -> None:
        """A term is a period from something, or as long as something else is kept."""
        kind = ("period" in said, "start" in said, "lasting" in said)
        if kind not in ((True, True, False), (False, False, True)):
            raise ValidationError("Undefined: say 'period' and 'from', or 'while'.")


class ClocksSchema(Schema):
    """How long an act may take."""

    answer, extension, target = (PeriodField(required=True) for _ in range(3))
    destruction_decision = PeriodField(required=True)
    breach = HoursField(
        required=True, validate=validate.Range(max=timedelta(hours=72), error="At most 72 hours: AVG 33.")
    )
    calamity_working_days = fields.Integer(
        required=True, strict=True, validate=validate.Range(1, 3, error="At most 3: art. 11 Wkkgz.")
    )
    calamity_doubt = PeriodField(required=True)
    newsletter_earliest, newsletter_overdue = PeriodField(required=True), PeriodField(required=True)


class DueSchema(Schema):
    """Within what time a kind of decision is answered."""

    own, processor = PeriodField(required=True), PeriodField(required=True)


class RuleSchema(Schema):
    """A ground or a recipient: what it is called, and the rule behind it."""

    nl, en, law = _text(), _text(), _text()


class GroundsSchema(Schema):
    """The only grounds on which anything is refused or kept."""

    refusing = _closed(get_args(parts.RefusingGround), RuleSchema)
    retaining = _closed(get_args(parts.RetainingGround), RuleSchema)


class DifferenceSchema(Schema):
    """Where the statement and the law disagree."""

    about, statement, law, applied = _text(), _text(), _text(), _text()


class ClinicSchema(Schema):
    """Who the clinic is."""

    name = _text()
    sender, contact, forms, privacy, security = (address_field() for _ in range(5))
    statement_url = fields.Url(schemes={"https"})
    dkim_selectors = fields.List(fields.String(validate=DNS_NAME), validate=validate.Length(min=1, max=10))


class AuthoritySchema(Schema):
    """Where a person can complain."""

    name = _text()
    url = fields.Url(required=True, schemes={"https"})


class ChoicesSchema(Schema):
    """What the clinic decided."""

    forwarded_forms = fields.String(required=True, validate=validate.OneOf(("reference", "full-text")))
    financial_year_starts = MonthDayField(required=True)


class PolicySchema(Schema):
    """The whole file."""

    version = _text()
    statement = fields.Date(required=True)
    clinic = fields.Nested(ClinicSchema, required=True)
    authority = fields.Nested(AuthoritySchema, required=True)
    choices = fields.Nested(ChoicesSchema, required=True)
    terms = fields.Dict(required=True, keys=fields.String(validate=CLASS_NAME), values=fields.Nested(TermSchema))
    clocks = fields.Nested(ClocksSchema, required=True)
    dues = _closed(DECISION_KINDS, DueSchema)
    grounds = fields.Nested(GroundsSchema, required=True)
    recipients = fields.Dict(required=True, keys=fields.String(validate=SLUG), values=fields.Nested(RuleSchema))
    differences = _closed(("X1", "X2", "X3", "X4", "X5"), DifferenceSchema)
    sites = sites_field()
    cookies = cookies_field()


def policy_parts(said: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return a checked file, which lies in ``folder``, as the fields of a Policy.

    Raises ValidationError for terms beyond their limits and for sites that are in each other's way.
    """
    terms = {name: parts.Term(**term) for name, term in said["terms"].items()}
    clocks = parts.Clocks(**said["clocks"])
    if wrong := {key: [message] for key, message in violations(terms, clocks)}:
        raise ValidationError(wrong)
    return {
        "version": said["version"],
        "statement": said["statement"],
        "clinic": parts.Clinic(**{**said["clinic"], "dkim_selectors": tuple(said["clinic"].get("dkim_selectors", ()))}),
        "authority": parts.Authority(**said["authority"]),
        "choices": parts.Choices(**said["choices"]),
        "terms": terms,
        "clocks": clocks,
        "dues": {kind: parts.Due(**due) for kind, due in said["dues"].items()},
        "refusing": {name: parts.Ground(**ground) for name, ground in said["grounds"]["refusing"].items()},
        "retaining": {name: parts.Ground(**ground) for name, ground in said["grounds"]["retaining"].items()},
        "recipients": {name: parts.Recipient(**recipient) for name, recipient in said["recipients"].items()},
        "differences": {name: parts.Difference(**difference) for name, difference in said["differences"].items()},
        "sites": sites_of(said["sites"], folder),
        "cookies": cookies_of(said["cookies"], said["sites"]),
    }
