"""What goes out: a request as each role may see it."""

from __future__ import annotations

from marshmallow import Schema, fields

from shared.web import TimeField


class AcceptedRequestSchema(Schema):
    """The label of a request that was taken in; ``id`` for staff only."""

    reference = fields.String()
    due_on = fields.Date()
    id = fields.String()


class RequestClockSchema(Schema):
    """By when the answer is due; ``days_left`` is negative when it is late."""

    received_on = fields.Date()
    due_on = fields.Date()
    target_on = fields.Date()
    days_left = fields.Integer()
    extended_on = fields.Date(allow_none=True)
    paused_on = fields.Date(allow_none=True)
    breached_on = fields.Date(allow_none=True)


class RightsRequestSummarySchema(Schema):
    """Label, state and clock of a request."""

    id = fields.String()
    reference = fields.String()
    kind = fields.String()
    state = fields.String()
    outcome = fields.String(allow_none=True)
    clock = fields.Nested(RequestClockSchema)


class ContactSchema(Schema):
    """Who asks, as it was typed."""

    name = fields.String()
    email = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    address = fields.String(allow_none=True)


class IdentityCheckSchema(Schema):
    """One check of who asks."""

    method = fields.String()
    document_type = fields.String()
    outcome = fields.String()
    reason = fields.String(allow_none=True)
    checked_by = fields.String()
    checked_at = TimeField()


class CandidateSchema(Schema):
    """A record that may be this person's; ``confirmed`` is null until a person judged it."""

    service = fields.String()
    category = fields.String()
    id = fields.String(attribute="record")
    found = fields.Boolean()
    confirmed = fields.Boolean(allow_none=True)


class StoreAnswerSchema(Schema):
    """Whether a service has said what it holds."""

    service = fields.String()
    outcome = fields.String(allow_none=True)
    answered = fields.Boolean(attribute="terminal")


class InquirySchema(Schema):
    """What the own stores said they hold."""

    decision = fields.String()
    complete = fields.Boolean()
    services = fields.List(fields.Nested(StoreAnswerSchema))
    candidates = fields.List(fields.Nested(CandidateSchema))


class CaseDecisionSchema(Schema):
    """What was decided, by whom; ``id`` is the decision in the ledger, null where nothing had to be carried out."""

    id = fields.String(allow_none=True)
    outcome = fields.String()
    ground = fields.String(allow_none=True)
    decided_by = fields.String()
    decided_at = TimeField()
    physician_agreed_by = fields.String(allow_none=True)


class LetterSchema(Schema):
    """A letter, and how it went out."""

    id = fields.String()
    kind = fields.String()
    written_at = TimeField()
    sent_by = fields.String(allow_none=True)
    sent_on = fields.Date(allow_none=True)
    track_code = fields.String(allow_none=True)


class LetterTextSchema(LetterSchema):
    """A letter with what it says."""

    subject = fields.String()
    text = fields.String()


class RightsRequestSchema(RightsRequestSummarySchema):
    """A request; each role gets the part it needs, and the rest is left out."""

    channel = fields.String()
    language = fields.String()
    entered_at = TimeField()
    entered_by = fields.String(allow_none=True)
    contact = fields.Nested(ContactSchema, allow_none=True)
    message = fields.String(allow_none=True)
    identity = fields.List(fields.Nested(IdentityCheckSchema))
    email_proved = fields.Boolean()
    phone_proved = fields.Boolean()
    inquiry = fields.Nested(InquirySchema, allow_none=True)
    decision = fields.Nested(CaseDecisionSchema, allow_none=True)
    letters = fields.List(fields.Nested(LetterSchema))


class ClaimSchema(Schema):
    """The identifiers that an identity check proved."""

    name = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
