"""The shapes of incidents over HTTP."""

from __future__ import annotations

from marshmallow import Schema, ValidationError, fields, validate

from services.requests.incidents.rules import FINDINGS
from shared.web import PageQuerySchema, TimeField


def says_something(value: str) -> None:
    """Refuse text of blanks. Raises ValidationError."""
    if not value.strip():
        raise ValidationError("Shorter than minimum length 1.")


class IncidentsQuerySchema(PageQuerySchema):
    """Which incidents to list."""

    closed = fields.Boolean(load_default=False)


class EnterIncidentSchema(Schema):
    """What staff found out, and when it became known to the clinic: the 72 hours count from then (art. 33(1) AVG)."""

    known_at = TimeField(required=True)
    facts = fields.String(required=True, validate=[validate.Length(1, 10_000), says_something])


class IncidentSummarySchema(Schema):
    """An incident in a list: its clock, and what was found.

    Its report is the intake's, under the same id; one that staff entered has none.
    """

    id = fields.String()
    reference = fields.String()
    suspected = fields.Boolean()
    received_at = TimeField()
    due_at = TimeField()
    entered_by = fields.String(allow_none=True)
    found = fields.String(allow_none=True)
    closed_at = TimeField(allow_none=True)
    closed_by = fields.String(allow_none=True)


class IncidentSchema(IncidentSummarySchema):
    """An incident with what staff entered, if they did, and what was done about it."""

    entered_at = TimeField(allow_none=True)
    facts = fields.String(allow_none=True)
    measures = fields.String(allow_none=True)


class CloseIncidentSchema(Schema):
    """What was found, and the facts, effects and measures that a register of breaches holds (art. 33(5) AVG)."""

    found = fields.String(required=True, validate=validate.OneOf(FINDINGS))
    measures = fields.String(required=True, validate=validate.Length(1, 10_000))
