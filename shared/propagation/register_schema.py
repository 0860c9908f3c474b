"""The shape of the register's file; whatever is not in it is an error that says where."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from shared.events import DECISION_KINDS
from shared.policy.schema import PeriodField, address_field
from shared.propagation.countries import ground_problem
from shared.settings import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Sandbox = Mapping[str, Mapping[str, str]]
"""By played processor, what a value ``sandbox:<processor>.<name>`` in the settings stands for."""

SLUG = validate.Regexp(r"[a-z][a-z0-9-]{0,39}\Z", error="Not a short name in lower case, such as our-bookkeeper.")
NAME = validate.Regexp(r"[a-z][a-z0-9_]*\Z", error="Not a name in lower case.")
FILLED = validate.Length(min=1, max=200)
COUNTRY = validate.Regexp(r"[A-Z]{2}\Z", error="Not a country's two letters, such as NL.")
SECRET = re.compile(r"(?:.*_)?(?:key|secret|password|token)")
SANDBOX = "sandbox:"
ROLES = ("bookkeeper", "crm", "website-host", "mail-host", "newsletter", "staff-tool", "other")
NEWSLETTER_FIELDS = {"first_name", "email"}
TOLD_BY_LAW = ("erasure", "term-end", "correction", "restriction")
"""AVG art. 19: every recipient is told, so nobody can be on the register without."""


def _check_ground(value: str) -> None:
    if re.sub(r"[^a-z]", "", value.lower()) == "privacyshield":
        raise ValidationError(
            "Privacy Shield was annulled on 16 July 2020 (CJEU C-311/18): a transfer needs adequacy or scc (P88)."
        )
    if value not in ("none", "adequacy", "scc"):
        raise ValidationError("Must be one of: none, adequacy, scc.")


def _text(check: validate.Validator = FILLED) -> fields.String:
    return fields.String(required=True, validate=check)


class SubProcessorSchema(Schema):
    """A party that a processor uses in its turn."""

    name, country = _text(), _text(COUNTRY)
    transfer_ground = fields.String(required=True, validate=_check_ground)

    @validates_schema
    def check_ground(self, said: Mapping[str, Any], **_options: Any) -> None:
        """Data leave the EEA only on a ground."""
        if problem := ground_problem(said["country"], said["transfer_ground"]):
            raise ValidationError(problem, "transfer_ground")


class AgreementSchema(Schema):
    """The processing agreement."""

    signed = fields.Date(required=True)
    ends = fields.Date(required=True, allow_none=True)
    sub_processors = fields.List(fields.Nested(SubProcessorSchema), required=True)

    @validates_schema
    def check_days(self, said: Mapping[str, Any], **_options: Any) -> None:
        """It ends after it was signed."""
        if said["ends"] is not None and said["ends"] < said["signed"]:
            raise ValidationError("It ends before it was signed.", "ends")


class ContactSchema(Schema):
    """The named person at a processor."""

    name, email = _text(), address_field()


class GivenSchema(Schema):
    """A category of data, and which fields of it."""

    category = _text(SLUG)
    named = fields.List(_text(NAME), required=True, data_key="fields", attribute="fields", validate=FILLED)


class ProcessorSchema(Schema):
    """One processor; dumped without ``settings`` it is what staff may read."""

    name = _text()
    role = _text(validate.OneOf(ROLES))
    owner = _text(validate.OneOf(SERVICES))
    status = _text(validate.OneOf(("active", "ended")))
    adapter = _text(NAME)
    settings = fields.Dict(keys=_text(NAME), values=fields.Raw(), load_default=dict)
    receives = fields.List(fields.Nested(GivenSchema), required=True, validate=FILLED)
    decisions = fields.List(_text(validate.OneOf(DECISION_KINDS)), required=True)
    always = fields.Boolean(required=True)
    agreement = fields.Nested(AgreementSchema, required=True, allow_none=True)
    country = _text(COUNTRY)
    transfer_ground = fields.String(required=True, validate=_check_ground)
    contact = fields.Nested(ContactSchema, required=True)
    answer_within = PeriodField(required=True)

    @validates_schema
    def check(self, said: Mapping[str, Any], **_options: Any) -> None:
        """What no field can tell by itself."""
        if wrong := {key: [problem] for key, problem in _problems(said)}:
            raise ValidationError(wrong)


class RegisterSchema(Schema):
    """The whole file: processors by their ids."""

    processors = fields.Dict(required=True, keys=_text(SLUG), values=fields.Nested(ProcessorSchema))


def _problems(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if problem := ground_problem(said["country"], said["transfer_ground"]):
        yield "transfer_ground", problem
    needed = (*TOLD_BY_LAW, "unsubscribe") if said["role"] == "newsletter" else TOLD_BY_LAW
    if "inquiry" in said["decisions"]:
        yield "decisions", "An inquiry goes to own stores only: asking a processor would tell it of a person."
    elif missing := [kind for kind in needed if kind not in said["decisions"]]:
        yield "decisions", f"Missing: {', '.join(missing)}. Every recipient is told of these (art. 19 AVG)."
    named = {name for given in said["receives"] for name in given["fields"]}
    if said["role"] == "newsletter" and not named <= NEWSLETTER_FIELDS:
        yield "receives", "The newsletter programme gets first_name and email, nothing else (P56)."


def resolve_settings(
    processors: Mapping[str, Mapping[str, Any]], folder: Path, sandbox: Sandbox | None
) -> dict[str, dict[str, Any]]:
    """Return the settings of each processor with secrets read and sandbox values filled in.

    Raises ValidationError that names every setting that is wrong.
    """
    resolved: dict[str, dict[str, Any]] = {}
    wrong: dict[str, dict[str, Any]] = {}
    for processor, said in processors.items():
        resolved[processor] = {}
        for name, value in said["settings"].items():
            try:
                resolved[processor] |= _resolved(name, value, folder, sandbox)
            except ValidationError as error:
                wrong.setdefault(processor, {"settings": {}})["settings"][name] = error.messages
    if wrong:
        raise ValidationError({"processors": wrong})
    return resolved


def _resolved(name: str, value: Any, folder: Path, sandbox: Sandbox | None) -> dict[str, str | int | bool]:
    if not isinstance(value, (str, int, bool)):
        raise ValidationError("Not a text, a number, true or false.")
    if isinstance(value, str) and value.startswith(SANDBOX):
        return {name: _played(value.removeprefix(SANDBOX), sandbox)}
    if name.endswith("_file"):
        return {name.removesuffix("_file"): _secret(folder / str(value))}
    if SECRET.fullmatch(name):
        raise ValidationError(f"A secret stands in a file of its own: say {name}_file.")
    return {name: value}


def _played(address: str, sandbox: Sandbox | None) -> str:
    if sandbox is None:
        raise ValidationError("The sandbox is for trials only.")
    processor, _, name = address.partition(".")
    if name not in sandbox.get(processor, {}):
        raise ValidationError(f"The sandbox has no {address}.")
    return sandbox[processor][name]


def _secret(path: Path) -> str:
    try:
        content = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValidationError("The file cannot be read as text.") from error
    if not content:
        raise ValidationError("The file is empty.")
    return content
