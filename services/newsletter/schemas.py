"""The shapes of what comes in and goes out over HTTP."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from services.newsletter import rules
from shared.deadlines import ZONE
from shared.web import STATEMENT_VERSION, EmailField, TimeField, check_one_line
from shared.wording import Both, is_one_line

FIRST_NAME = 60
NO_NAME = Both("Vul alleen een voornaam in, zonder link of < en >.", "Only a first name, without links or < and >.")


def _is_name(value: str) -> None:
    check_one_line(value)
    if not rules.may_be_named(value):
        raise ValidationError(NO_NAME)


def _is_text(value: str) -> None:
    if not all(is_one_line(line) for line in value.replace("\t", " ").splitlines()):
        raise ValidationError("Not a text.")


class NameField(fields.String):
    """A first name: one line, without blanks around it."""

    def _deserialize(self, value: Any, *details: Any, **more: Any) -> str:
        return str(super()._deserialize(value, *details, **more)).strip()


class SignUpSchema(Schema):
    """A sign-up for the newsletter: first name and e-mail address, nothing more of a person (P15).

    ``website`` is a trap for form robots and stays empty. ``form_token`` says when the form was shown.
    ``altcha`` is the solution where a site asks for proof of work, and is not looked at elsewhere.
    """

    first_name = NameField(required=True, validate=[validate.Length(1, FIRST_NAME), _is_name])
    email = EmailField(required=True, validate=validate.Length(3, 254))
    language = fields.String(validate=validate.OneOf(("nl", "en")))
    privacy_version = fields.String(validate=STATEMENT_VERSION)
    form_token = fields.String(validate=validate.Length(max=2000))
    altcha = fields.String(validate=validate.Length(max=4000))
    website = fields.String(validate=validate.Length(max=2000))


class PreferencesSchema(Schema):
    """What a subscriber may change: what is left out, or empty in a browser's form, stays as it is."""

    first_name = NameField(validate=[validate.Length(1, FIRST_NAME), _is_name])
    language = fields.String(validate=validate.OneOf(("nl", "en")))


class ImportedSchema(Schema):
    """A line of a file of subscribers: the person, and how they consented (P21).

    ``source`` and ``consent_text`` are what another system kept of it, in its words. A time without a zone is the
    clinic's.
    """

    email = fields.String(required=True, validate=validate.Length(3, 254))
    first_name = NameField(required=True, validate=[validate.Length(0, FIRST_NAME), _is_name])
    language = fields.String(required=True, validate=validate.OneOf(("nl", "en")))
    confirmed_at = fields.AwareDateTime(required=True, format="iso", default_timezone=ZONE)
    source = fields.String(required=True, validate=[validate.Length(1, 200), check_one_line])
    consent_text = fields.String(required=True, validate=[validate.Length(10, 4000), _is_text])
    privacy_version = fields.String(required=True, validate=STATEMENT_VERSION)


class AcceptedSchema(Schema):
    """The same for every address, known or not: what follows is in the mail."""

    status = fields.String(required=True)


class SearchSchema(Schema):
    """The address to look for: in a body, since addresses have no place in a URL."""

    email = EmailField(required=True, validate=validate.Length(3, 254))


class ProofSchema(Schema):
    """How the person consented: what they read and said yes to, when, and by which way (P21).

    ``method`` is double-opt-in, or imported; then ``source`` and ``text`` are what another system kept of it. ``text``
    is what was confirmed; ``tick_text`` stood beside the tick of a contact form, which came before it.
    """

    method = fields.String()
    source = fields.String()
    signed_up_at = TimeField()
    asked_at = TimeField()
    confirmed_at = TimeField(allow_none=True)
    imported_at = TimeField(allow_none=True)
    privacy_version = fields.String()
    text_sha256 = fields.String(allow_none=True)
    text = fields.String(allow_none=True)
    tick_text = fields.String(allow_none=True)


class ProviderSchema(Schema):
    """What the programme says now: subscribed, unsubscribed, pending, cleaned, absent, or unknown."""

    processor = fields.String()
    state = fields.String()


class SubscriptionSchema(Schema):
    """One subscription; ``provider`` is null when no programme was given it."""

    id = fields.String()
    state = fields.String()
    ended_because = fields.String(allow_none=True)
    first_name = fields.String()
    language = fields.String()
    version = fields.Integer()
    created_at = TimeField()
    ended_at = TimeField(allow_none=True)
    proof = fields.Nested(ProofSchema)
    provider = fields.Nested(ProviderSchema, allow_none=True)


class FoundSchema(Schema):
    """The subscriptions of an address."""

    items = fields.List(fields.Nested(SubscriptionSchema))
