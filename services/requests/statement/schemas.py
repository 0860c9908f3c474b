"""Shapes of the privacy statement on the wire."""

from __future__ import annotations

from marshmallow import Schema, fields


class PrivacyTextSchema(Schema):
    """A text of a version; ``sha256`` is over its exact bytes, ``summary`` tells that this system wrote it."""

    language = fields.String()
    sha256 = fields.String()
    summary = fields.Boolean()


class PrivacyStatementSchema(PrivacyTextSchema):
    """One version in one language; ``published_at`` is where the clinic has its own, if it said so."""

    version = fields.String()
    since = fields.Date(data_key="from")
    current = fields.Boolean()
    published_at = fields.Url(allow_none=True)
    text = fields.String()


class PrivacyVersionSchema(Schema):
    """A version, the day it applies from, and in which languages there is a text."""

    version = fields.String()
    since = fields.Date(data_key="from")
    current = fields.Boolean()
    texts = fields.List(fields.Nested(PrivacyTextSchema))


class PrivacyVersionsSchema(Schema):
    """Every version that applied until now, the newest first."""

    versions = fields.List(fields.Nested(PrivacyVersionSchema))


class AutomaticActSchema(Schema):
    """What a program does without anybody looking first, what follows, and what people do about it."""

    id = fields.String()
    service = fields.String()
    done = fields.String()
    effect = fields.String()
    people = fields.String()


class AutomaticActsSchema(Schema):
    """All of them (P57)."""

    acts = fields.List(fields.Nested(AutomaticActSchema))
