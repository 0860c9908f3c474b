"""Shapes of the registers on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate


class LanguageQuerySchema(Schema):
    """In which language, and for the register of processing in which form."""

    language = fields.String(validate=validate.OneOf(("nl", "en")))
    format = fields.String(load_default="json", validate=validate.OneOf(("json", "csv")))


class GivenFieldsSchema(Schema):
    """A category of data and the fields of it that a processor gets."""

    category = fields.String()
    fields_ = fields.List(fields.String(), data_key="fields", attribute="fields")


class SubProcessorOutSchema(Schema):
    """A party that a processor uses in its turn (P101)."""

    name = fields.String()
    country = fields.String()
    transfer_ground = fields.String()


class AgreementOutSchema(Schema):
    """The processing agreement (AVG art. 28)."""

    signed = fields.String()
    ends = fields.String(allow_none=True)
    sub_processors = fields.List(fields.Nested(SubProcessorOutSchema))


class ContactPersonSchema(Schema):
    """The named person at a processor."""

    name = fields.String()
    email = fields.String()


class ProcessorOutSchema(Schema):
    """A processor, without the settings of its adapter; ``may_receive`` tells whether it gets anything today (P46)."""

    id = fields.String()
    name = fields.String()
    role = fields.String()
    owner = fields.String()
    status = fields.String()
    adapter = fields.String()
    receives = fields.List(fields.Nested(GivenFieldsSchema))
    decisions = fields.List(fields.String())
    always = fields.Boolean()
    agreement = fields.Nested(AgreementOutSchema, allow_none=True)
    country = fields.String()
    transfer_ground = fields.String()
    contact = fields.Nested(ContactPersonSchema)
    answer_within = fields.String()
    may_receive = fields.Boolean()


class ProcessorsSchema(Schema):
    """The register of processors."""

    digest = fields.String()
    processors = fields.List(fields.Nested(ProcessorOutSchema))


class ControllerSchema(Schema):
    """Who is responsible for the processing."""

    name = fields.String()
    contact = fields.String()


class PolicyVersionSchema(Schema):
    """Which policy this was written from."""

    version = fields.String()
    hash = fields.String()


class DataClassSchema(Schema):
    """A class of data and how long it is kept."""

    name = fields.String()
    kept = fields.String()
    counted_from = fields.String(allow_none=True)
    law = fields.String(allow_none=True)
    class_ = fields.String(data_key="class", attribute="class")


class RecipientSchema(Schema):
    """Who gets something of an activity."""

    id = fields.String()
    name = fields.String()
    status = fields.String()
    categories = fields.List(fields.String())
    country = fields.String()
    transfer_ground = fields.String()


class ActivitySchema(Schema):
    """Something the clinic does with personal data."""

    id = fields.String()
    service = fields.String()
    name = fields.String()
    purpose = fields.String()
    subjects = fields.String()
    special_categories = fields.Boolean()
    legal_basis = fields.String()
    data = fields.List(fields.Nested(DataClassSchema))
    recipients = fields.List(fields.Nested(RecipientSchema))


class ProcessingRegisterSchema(Schema):
    """The register of processing activities (AVG art. 30)."""

    controller = fields.Nested(ControllerSchema)
    policy = fields.Nested(PolicyVersionSchema)
    register = fields.String()
    security = fields.String()
    activities = fields.List(fields.Nested(ActivitySchema))
