"""Names and values against a schema: every field known, none twice, messages by field."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from marshmallow import RAISE, ValidationError, fields

from shared.errors import InvalidInputError
from shared.web.shapes import Upload

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from marshmallow import Schema

    from shared.web.bodies import Pairs

MOST_MESSAGES = 20
LONGEST_NAME = 80
_log = logging.getLogger(__name__)


def without(pairs: Pairs, prefixes: Collection[str]) -> Pairs:
    """Leave out the fields whose names start like this, and log how many by prefix: a name can be anything."""
    dropped = Counter(prefix for name, _ in pairs for prefix in prefixes if name.startswith(prefix))
    if dropped:
        _log.info("fields of a site's own were dropped", extra={"fields": {"prefixes": dict(dropped)}})
    return [(name, value) for name, value in pairs if not name.startswith(tuple(prefixes))]


def gather(pairs: Pairs, schema: Schema, *, form: bool) -> dict[str, Any]:
    """Return values by name; a name may repeat only where the schema has a list.

    An empty field of a ``form`` is one the visitor left alone: it is as if it had not been sent.
    Raises InvalidInputError.
    """
    lists = {key for key, field in _by_key(schema).items() if isinstance(field, fields.List)} if form else set()
    values: dict[str, Any] = {}
    repeated: dict[str, list[str]] = {}
    for name, value in pairs:
        if name in lists:
            values.setdefault(name, [])
            values[name] += [value] if value != "" else []
        elif name in values:
            repeated[name] = ["Given more than once."]
        else:
            values[name] = value
    if repeated:
        raise InvalidInputError(repeated)
    known = _by_key(schema)
    return {name: value for name, value in values.items() if not (form and value == "" and name in known)}


def load(schema: Schema, values: Mapping[str, Any]) -> dict[str, Any]:
    """Validate; unknown fields are errors, and a file is no text. Raises InvalidInputError."""
    try:
        loaded: dict[str, Any] = schema.load(values, unknown=RAISE)
    except ValidationError as error:
        messages = error.normalized_messages()  # type: ignore[no-untyped-call]
        raise InvalidInputError(_by_field(messages)) from None
    return loaded


def typed(values: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Return what the visitor typed into the fields we know, to fill the form again; no files."""
    known = _by_key(schema)
    return {name: value for name, value in values.items() if name in known and not isinstance(value, Upload)}


def _by_key(schema: Schema) -> dict[str, fields.Field[Any]]:
    return {field.data_key or name: field for name, field in schema.load_fields.items()}


def _by_field(messages: Mapping[Any, Any]) -> dict[str, list[str]]:
    """Flatten nested messages to ``{"items.0.name": [...]}``; about the whole body it is ``body``."""
    flat: dict[str, list[str]] = {}
    for path, message in _walk(messages, ()):
        name = ".".join(part for part in path if part != "_schema")[:LONGEST_NAME] or "body"
        if name in flat or len(flat) < MOST_MESSAGES:
            flat.setdefault(name, []).append(message)
    return flat


def _walk(messages: Any, path: tuple[str, ...]) -> Iterable[tuple[tuple[str, ...], str]]:
    if isinstance(messages, dict):
        for key, inner in messages.items():
            yield from _walk(inner, (*path, str(key)))
    elif isinstance(messages, list):
        for inner in messages:
            yield from _walk(inner, path)
    else:
        yield path, messages
