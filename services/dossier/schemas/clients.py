"""The shapes of clients."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.dossier.schemas.lines import line
from shared.web import TimeField

KINDS = ("lead", "client")
SOURCES = ("self", "representative", "staff", "other-provider", "website")
"""Where data come from (P14)."""


class ClientFieldsSchema(Schema):
    """What is known of a client: these fields and no others (P6)."""

    first_name = line(60, allow_none=True)
    last_name = line(100, allow_none=True)
    name = line(200, allow_none=True)
    email = fields.String(validate=validate.Length(3, 254), allow_none=True)
    phone = fields.String(validate=validate.Length(3, 40), allow_none=True)
    birth_date = fields.Date(allow_none=True)
    street = line(200, allow_none=True)
    postal_code = line(20, allow_none=True)
    city = line(100, allow_none=True)
    country = fields.String(validate=validate.Regexp(r"[A-Z]{2}\Z"), allow_none=True)


class CreateClientSchema(ClientFieldsSchema):
    """Somebody to take up: a client, or a lead who may become one (P5)."""

    kind = fields.String(validate=validate.OneOf(KINDS), load_default="client")
    source = fields.String(validate=validate.OneOf(SOURCES), load_default="self")
    marketing = fields.Boolean(load_default=False)


class UpdateClientSchema(ClientFieldsSchema):
    """What changes; null takes a value away, and what is left out stays."""

    kind = fields.String(validate=validate.OneOf(KINDS))
    source = fields.String(validate=validate.OneOf(SOURCES))


class MadeSchema(Schema):
    """What was made, by its id."""

    id = fields.String(required=True)


class ClientSchema(ClientFieldsSchema):
    """A client as staff see it."""

    id = fields.String()
    kind = fields.String()
    source = fields.String()
    marketing = fields.Boolean()
    marketing_at = TimeField()
    version = fields.Integer()
    created_at = TimeField()
    updated_at = TimeField()


class SearchClientsSchema(Schema):
    """What to look for: in a body, since names and addresses have no place in a URL."""

    q = fields.String(required=True, validate=validate.Length(1, 200))


class MarketingSchema(Schema):
    """Whether somebody wants to hear of offers."""

    wanted = fields.Boolean(required=True)


class MarketingStateSchema(Schema):
    """What somebody said last about offers."""

    id = fields.String()
    marketing = fields.Boolean()
    marketing_at = TimeField()
