"""The shapes of incidents over HTTP."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.requests.incidents.rules import FINDINGS
from shared.web import PageQuerySchema, TimeField


class IncidentsQuerySchema(PageQuerySchema):
    """Which incidents to list."""

    closed = fields.Boolean(load_default=False)


class IncidentSummarySchema(Schema):
    """An incident in a list: its clock, and what was found. Its report is the intake's, under the same id."""

    id = fields.String()
    reference = fields.String()
    suspected = fields.Boolean()
    received_at = TimeField()
    due_at = TimeField()
    found = fields.String(allow_none=True)
    closed_at = TimeField(allow_none=True)
    closed_by = fields.String(allow_none=True)


class IncidentSchema(IncidentSummarySchema):
    """An incident with what was done about it."""

    measures = fields.String(allow_none=True)


class CloseIncidentSchema(Schema):
    """What was found, and the facts, effects and measures that a register of breaches holds (art. 33(5) AVG)."""

    found = fields.String(required=True, validate=validate.OneOf(FINDINGS))
    measures = fields.String(required=True, validate=validate.Length(1, 10_000))
