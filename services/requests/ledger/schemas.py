"""Shapes of the ledger on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from shared.events import CLOSING_REASONS, DECISION_KINDS
from shared.settings import SERVICES
from shared.web import TimeField


class SearchDecisionsSchema(Schema):
    """What to look for; every field narrows the list."""

    state = fields.String(validate=validate.OneOf(["open", "closed", "overdue"]), load_default=None, allow_none=True)
    kind = fields.String(validate=validate.OneOf(DECISION_KINDS), load_default=None, allow_none=True)
    case = fields.String(validate=validate.Length(max=36), load_default=None, allow_none=True)


class DecisionSummarySchema(Schema):
    """A decision in a list: how many answers it waits for, has, lacks after their due time, and will never have.

    An answer that two people closed is ``unconfirmed`` and not ``answered``, also when the decision is closed.
    """

    id = fields.String(attribute="decision")
    kind = fields.String()
    issuer = fields.String()
    decided_at = fields.AwareDateTime(format="iso")
    decided_by = fields.String()
    ground = fields.String()
    state = fields.String()
    closed_at = fields.AwareDateTime(format="iso", allow_none=True)
    expected = fields.Integer()
    answered = fields.Integer()
    overdue = fields.Integer()
    unconfirmed = fields.Integer()


class RecordSchema(Schema):
    """A record by its id."""

    service = fields.String()
    category = fields.String()
    id = fields.String()


class RetainedSchema(RecordSchema):
    """A record that stays, why, and until when."""

    ground = fields.String()
    until = fields.String(allow_none=True)


class WordSchema(Schema):
    """One thing that was said about an answer, the first first; ``closed_by`` are the two who closed it unanswered."""

    outcome = fields.String()
    acted_at = fields.AwareDateTime(format="iso")
    ground = fields.String(allow_none=True)
    closed_by = fields.List(fields.String())


class ProposeClosureSchema(Schema):
    """Which answer will never come, and why."""

    service = fields.String(required=True, validate=validate.OneOf(SERVICES))
    processor = fields.String(required=True, validate=validate.Length(1, 60))
    reason = fields.String(required=True, validate=validate.OneOf(CLOSING_REASONS))


class ClosureSchema(Schema):
    """A proposal to close an answer without one, and who confirmed it, if anybody did."""

    id = fields.String()
    decision = fields.String()
    service = fields.String()
    processor = fields.String()
    action = fields.String()
    reason = fields.String(validate=validate.OneOf(CLOSING_REASONS))
    proposed_by = fields.String()
    proposed_at = TimeField()
    confirmed_by = fields.String(allow_none=True)
    confirmed_at = TimeField(allow_none=True)


class AnswerSchema(Schema):
    """One expected answer: what became of it, and how that is known."""

    service = fields.String()
    processor = fields.String(allow_none=True)
    processor_name = fields.String(allow_none=True)
    action = fields.String()
    due_at = fields.AwareDateTime(format="iso")
    state = fields.String(metadata={"description": "waiting, overdue, answered, or closed without an answer"})
    outcome = fields.String(allow_none=True)
    evidence = fields.String(allow_none=True)
    evidence_digest = fields.String(allow_none=True)
    covers = fields.String(
        allow_none=True,
        metadata={"description": "what the outcome is about, where that is not everything: own-forwarded-copies"},
    )
    acted_at = fields.AwareDateTime(format="iso", allow_none=True)
    ground = fields.String(allow_none=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer())
    retained = fields.List(fields.Nested(RetainedSchema))
    history = fields.List(fields.Nested(WordSchema))
    closure = fields.Nested(ClosureSchema, allow_none=True)


class DecisionSchema(DecisionSummarySchema):
    """A decision with every answer it waits for."""

    registered_at = fields.AwareDateTime(format="iso")
    sha256 = fields.String()
    case = fields.String(allow_none=True)
    reported_by = fields.String(allow_none=True)
    records = fields.List(fields.Nested(RecordSchema))
    retained = fields.List(fields.Nested(RetainedSchema))
    answers = fields.List(fields.Nested(AnswerSchema))
