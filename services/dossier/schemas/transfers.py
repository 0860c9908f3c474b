"""The shapes of hand-overs to processors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from services.dossier.records import CLIENTS, CONTACTS, INVOICES
from shared.web import TimeField

if TYPE_CHECKING:
    from collections.abc import Mapping


class NoteTransferSchema(Schema):
    """A hand-over to a processor: which records, and of which categories they are."""

    processor = fields.String(required=True, validate=validate.Length(1, 40))
    categories = fields.List(
        fields.String(validate=validate.OneOf((CLIENTS, CONTACTS, INVOICES))),
        required=True,
        validate=validate.Length(1, 3),
    )
    records = fields.List(
        fields.String(validate=validate.Length(1, 36)), required=True, validate=validate.Length(1, 500)
    )

    @validates_schema
    def check_repeats(self, said: Mapping[str, Any], **_options: Any) -> None:
        """Each is named once."""
        wrong = {name: ["Named twice."] for name in ("categories", "records") if len(set(said[name])) < len(said[name])}
        if wrong:
            raise ValidationError(wrong)


class TransferSchema(Schema):
    """Who was given what, when, and when they confirmed to have erased it."""

    processor = fields.String()
    name = fields.String()
    category = fields.String()
    record = fields.String()
    at = TimeField()
    ended_at = TimeField(allow_none=True)


class TransfersSchema(Schema):
    """Everybody who was given something of a client."""

    items = fields.List(fields.Nested(TransferSchema))
