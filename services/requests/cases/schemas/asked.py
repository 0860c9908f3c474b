"""What comes in: somebody's request, and what staff do with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from marshmallow import Schema, ValidationError, fields, validate

from services.requests.cases import rules
from shared.errors import InvalidInputError
from shared.identity import normalise_email, normalise_phone
from shared.settings import SERVICES
from shared.web import PageQuerySchema
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Callable

KINDS = ("erasure",)
KIND_WANTED = Both(
    "Langs deze weg kan nu alleen een verzoek om te wissen (erasure); doe een ander verzoek per post of e-mail.",
    "Only a request for erasure can be made this way now; make any other request by post or e-mail.",
)
NO_NEW_LINE = validate.Regexp(r"[^\x00-\x1f\x7f\u2028\u2029]*\Z", error="Not on one line.")
CATEGORY = validate.Regexp(r"[a-z][a-z0-9-]{0,59}\Z", error="Not a category.")


def _closed(literal: object) -> validate.OneOf:
    return validate.OneOf(get_args(literal))


def _normal(normalise: Callable[[str], str]) -> Callable[[str], None]:
    """Check an address or a number by the rule that references are made by."""

    def check(text: str) -> None:
        try:
            normalise(text)
        except InvalidInputError as error:
            raise ValidationError([message for messages in error.fields.values() for message in messages]) from None

    return check


def _line(longest: int) -> validate.And:
    return validate.And(validate.Length(1, longest), NO_NEW_LINE)


def _optional(check: validate.Validator | Callable[[str], None] | None = None) -> fields.String:
    return fields.String(load_default=None, allow_none=True, validate=check)


class SubmitRightsRequestSchema(Schema):
    """What somebody asks. Only staff say ``channel``, ``received_on`` and ``address``; ``website`` stays empty."""

    kind = fields.String(load_default="erasure", validate=validate.OneOf(KINDS, error=KIND_WANTED))
    name = fields.String(required=True, validate=_line(200))
    email = _optional(_normal(normalise_email))
    phone = _optional(_normal(normalise_phone))
    message = _optional(validate.Length(1, 10_000))
    address = _optional(validate.Length(1, 500))
    language = _optional(validate.OneOf(("nl", "en")))
    channel = _optional(validate.OneOf(tuple(each for each in get_args(rules.Channel) if each != "form")))
    received_on = fields.Date(load_default=None, allow_none=True)
    website = fields.String(
        load_default="", validate=validate.Length(max=0, error=Both("Laat dit veld leeg.", "Leave this field empty."))
    )


class RequestsQuerySchema(PageQuerySchema):
    """Which requests to list."""

    state = fields.String(validate=validate.OneOf(rules.STATES))


class CheckIdentitySchema(Schema):
    """How somebody's identity was checked, what that proved, and by which kind of document; no copy, no number."""

    method = fields.String(required=True, validate=_closed(rules.Method))
    document_type = fields.String(load_default="none-needed", validate=_closed(rules.DocumentType))
    outcome = fields.String(required=True, validate=validate.OneOf(("verified", "doubtful", "failed")))
    reason = _optional(_closed(rules.Doubt))
    email = fields.Boolean(load_default=False, metadata={"description": "the address was proved to be this person's"})
    phone = fields.Boolean(load_default=False, metadata={"description": "the number was proved to be this person's"})


class ConfirmedRecordSchema(Schema):
    """A record that is this person's; ``added`` where the inquiry did not find it."""

    service = fields.String(required=True, validate=validate.OneOf(SERVICES))
    category = fields.String(required=True, validate=CATEGORY)
    id = fields.UUID(required=True)
    added = fields.Boolean(load_default=False)


class RetainedRecordSchema(ConfirmedRecordSchema):
    """A record that stays, on which ground, and the day from which it need not."""

    ground = fields.String(required=True, validate=validate.Length(1, 60))
    until = fields.Date(load_default=None, allow_none=True)


class DecideSchema(Schema):
    """What a person decided on a request."""

    outcome = fields.String(required=True, validate=_closed(rules.Outcome))
    records = fields.List(fields.Nested(ConfirmedRecordSchema), load_default=list, validate=validate.Length(max=1000))
    retained = fields.List(fields.Nested(RetainedRecordSchema), load_default=list, validate=validate.Length(max=1000))
    ground = _optional(validate.Length(1, 60))
    explanation = _optional(validate.Length(1, 4000))
    consequences_acknowledged = fields.Boolean(load_default=False)
    physician_agreed_by = _optional(_line(100))


class ExtendTermSchema(Schema):
    """Why an answer takes longer than a month."""

    reason = fields.String(required=True, validate=_closed(rules.ExtensionReason))
    explanation = _optional(validate.Length(1, 2000))


class RecordDeliverySchema(Schema):
    """How a letter that could not be mailed reached the person; registered post has a track code (P67)."""

    via = fields.String(required=True, validate=validate.OneOf(("mail", "registered-post", "counter")))
    track_code = _optional(validate.Regexp(r"[A-Za-z0-9]{6,40}\Z", error="Not a track code."))
    sent_on = fields.Date(load_default=None, allow_none=True)
