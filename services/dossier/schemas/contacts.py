"""The shapes of contact history."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from shared.web import TimeField

CHANNELS = ("phone", "e-mail", "letter", "visit", "text-message", "website", "other")
REASONS = ("question", "appointment", "treatment", "aftercare", "payment", "complaint", "rights-request", "other")


class NoteContactSchema(Schema):
    """A contact: how, when and why (P13). Nothing medical belongs in the note, since it ends by the clock."""

    channel = fields.String(required=True, validate=validate.OneOf(CHANNELS))
    reason = fields.String(required=True, validate=validate.OneOf(REASONS))
    at = TimeField(load_default=None)
    note = fields.String(validate=validate.Length(1, 4000), load_default=None, allow_none=True)


class ContactSchema(Schema):
    """A contact as staff see it."""

    id = fields.String()
    client = fields.String()
    channel = fields.String()
    reason = fields.String()
    at = TimeField()
    note = fields.String(allow_none=True)
    noted_by = fields.String()
    created_at = TimeField()
