"""The shapes of a report over HTTP."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.intake.schemas import is_no_blank, one_line
from shared.web import EmailField, TimeField


class SubmitSecurityReportSchema(Schema):
    """A report: what was seen, and only if the reporter wants that, where and who they are.

    ``website`` is a trap for form robots and stays empty. ``form_token`` says when the form was shown.
    """

    message = fields.String(required=True, validate=[validate.Length(1, 10_000), is_no_blank])
    place = one_line(500)
    name = one_line(200)
    email = EmailField(validate=validate.Length(3, 254))
    language = fields.String(validate=validate.OneOf(("nl", "en")))
    form_token = fields.String(validate=validate.Length(max=2000))
    website = fields.String(validate=validate.Length(max=2000))


class SecurityReportSchema(Schema):
    """A report as it was sent."""

    id = fields.String()
    reference = fields.String()
    received_at = TimeField()
    suspected = fields.String(allow_none=True)
    language = fields.String()
    message = fields.String()
    place = fields.String(allow_none=True)
    name = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
