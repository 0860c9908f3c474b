"""The shapes of answers over HTTP."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.intake.schemas import ContactFormSchema, is_no_blank
from shared.web import TimeField


class AnswerContactFormSchema(Schema):
    """What to answer. Nothing medical belongs in it: it goes by mail (NTA 7516).

    ``client`` is the sender's id in the dossier, where somebody looked them up there.
    """

    message = fields.String(required=True, validate=[validate.Length(1, 10_000), is_no_blank])
    client = fields.UUID(load_default=None, allow_none=True)


class AnsweredSchema(Schema):
    """Which answer was given, without what was said."""

    id = fields.String()
    answered_at = TimeField()
    answered_by = fields.String()


class MailStateSchema(Schema):
    """How far a mail is: waiting, sent, parked (refused for good, or not taken for three days), returned or withdrawn.

    A returned one was sent and came back undelivered.
    """

    state = fields.String()
    problem = fields.String(allow_none=True)


class FormAnswerSchema(AnsweredSchema):
    """An answer in the history of a form; ``mail`` is null once nothing more is known of its mail."""

    message = fields.String()
    mail = fields.Nested(MailStateSchema, allow_none=True)


class ContactFormWithAnswersSchema(ContactFormSchema):
    """A form as it was sent, and what was answered, the first first."""

    answers = fields.List(fields.Nested(FormAnswerSchema))
