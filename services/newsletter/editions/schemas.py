"""The shapes of editions over HTTP."""

from __future__ import annotations

from marshmallow import Schema, fields, validate

from services.newsletter.editions.rules import ABOUT
from shared.web import TimeField, list_of


class PlanEditionSchema(Schema):
    """Which mailing of the programme is to be sent when, and what it is about."""

    campaign = fields.String(required=True, validate=validate.Regexp(r"[A-Za-z0-9_-]{1,60}\Z", error="Not an id."))
    at = TimeField(required=True)
    about = fields.String(required=True, validate=validate.OneOf(ABOUT))


class EditionSchema(Schema):
    """An edition: when, how that is known (``scheduled`` through us, or ``webhook`` and ``poll``), and what is wrong.

    ``seed`` is null where no seed mailbox was looked into, else waiting, verified, alike, lacking or unseen.
    """

    processor = fields.String()
    campaign = fields.String()
    subject = fields.String()
    about = fields.String(allow_none=True)
    state = fields.String()
    known_by = fields.String()
    at = TimeField()
    audience = fields.String()
    warnings = fields.List(fields.String())
    seed = fields.String(allow_none=True)
    lacks = fields.List(fields.String())


class DraftSchema(Schema):
    """A mailing that is neither planned nor sent; only one with the audience ``whole-list`` can become an edition."""

    campaign = fields.String(attribute="campaign_id")
    subject = fields.String()
    audience = fields.String()


class DraftListSchema(Schema):
    """The drafts of the programme, and of which number of minutes a planned time is a multiple there.

    ``items`` is null while the programme cannot be asked.
    """

    items = fields.List(fields.Nested(DraftSchema), allow_none=True)
    minutes = fields.Integer()


class EditionListSchema(list_of(EditionSchema)):  # type: ignore[misc]
    """Editions, and when the next may be: ``earliest_on``; after ``overdue_on`` it is late. Null before the first."""

    programme = fields.String(allow_none=True)
    earliest_on = fields.Date(allow_none=True)
    overdue_on = fields.Date(allow_none=True)
