"""The shapes of what comes in and goes out over HTTP."""

from __future__ import annotations

from marshmallow import Schema, ValidationError, fields, validate

from shared.web import STATEMENT_VERSION, EmailField, PageQuerySchema, PhoneField, TimeField, check_one_line


def is_no_blank(value: str) -> None:
    """Refuse text that says nothing. Raises ValidationError."""
    if not value.strip():
        raise ValidationError("Shorter than minimum length 1.")


def one_line(most: int, *, required: bool = False) -> fields.String:
    """Return a field of text on one line."""
    return fields.String(validate=[validate.Length(1, most), is_no_blank, check_one_line], required=required)


class SubmitContactFormSchema(Schema):
    """A contact form: these fields and no others (P6).

    ``newsletter`` is a tick that is off unless the visitor sets it (P16), and ``newsletter_text`` what stood beside
    it, which is kept with the tick as proof (P21). ``website`` is a trap for form
    robots and stays empty. ``form_token`` says when the form was shown. ``altcha`` is the
    solution where a site asks for proof of work, and is not looked at elsewhere.
    """

    name = one_line(200, required=True)
    email = EmailField(required=True, validate=validate.Length(3, 254))
    message = fields.String(required=True, validate=[validate.Length(1, 10_000), is_no_blank])
    first_name = one_line(60)
    phone = PhoneField(validate=validate.Length(3, 40))
    subject = one_line(200)
    newsletter = fields.Boolean(load_default=False, truthy={True, "true", "on", "yes", "1"})
    newsletter_text = one_line(300)
    language = fields.String(validate=validate.OneOf(("nl", "en")))
    privacy_version = fields.String(validate=STATEMENT_VERSION)
    form_token = fields.String(validate=validate.Length(max=2000))
    altcha = fields.String(validate=validate.Length(max=4000))
    website = fields.String(validate=validate.Length(max=2000))


class AcceptedSchema(Schema):
    """The reference of what was sent."""

    reference = fields.String(required=True)


class ContactFormSummarySchema(Schema):
    """A form in a list: nothing of what is in it."""

    id = fields.String()
    reference = fields.String()
    received_at = TimeField()
    handled_at = TimeField(allow_none=True)
    handled_by = fields.String(allow_none=True)
    newsletter = fields.Boolean()
    site = fields.String(allow_none=True)
    suspected = fields.String(allow_none=True)
    released_at = TimeField(allow_none=True)
    released_by = fields.String(allow_none=True)


class FormsQuerySchema(PageQuerySchema):
    """Which forms to list; ``quarantined`` are those that may be unwanted and wait for somebody to look."""

    quarantined = fields.Boolean(load_default=False)


class ContactFormSchema(ContactFormSummarySchema):
    """A form with what was filled in, as it was sent."""

    name = fields.String()
    first_name = fields.String(allow_none=True)
    email = fields.String()
    phone = fields.String(allow_none=True)
    subject = fields.String(allow_none=True)
    message = fields.String()
    newsletter_text = fields.String(allow_none=True)
    language = fields.String()
    privacy_version = fields.String()


class ClaimSchema(Schema):
    """What the newsletter needs of a sender who ticked it: first name and address, and what was beside the form."""

    first_name = fields.String()
    email = fields.String()
    language = fields.String()
    privacy_version = fields.String()
    newsletter_text = fields.String(allow_none=True)
