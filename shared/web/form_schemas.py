"""JSON Schema (2020-12) of a form, for whoever builds a website, made from the shape that the form is held to."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from shared.web.calls import Document
from shared.web.routes import Answers

if TYPE_CHECKING:
    from marshmallow import Schema

    from shared.web.calls import Call

MEDIA = "application/schema+json"
ANSWERS = Answers(200, media=MEDIA)
DIALECT = "https://json-schema.org/draft/2020-12/schema"
HOUR = 3600


def document(call: Call, schema: type[Schema], path: str) -> Document:
    """Return the schema of a form as its route answers it; ``path`` is where that is, below the service's own."""
    address = f"{call.tools.settings.public_url}/{call.tools.name}{path}"
    return Document(json.dumps(describe(schema, address)).encode(), MEDIA, keep_for=HOUR)


def describe(schema: type[Schema], address: str) -> dict[str, Any]:
    """Describe a form: its fields, which of them must be there, and that there are no others."""
    spec = APISpec("form", "1", "3.1.0", plugins=[MarshmallowPlugin()])
    spec.components.schema("Form", schema=schema)
    made = spec.to_dict()["components"]["schemas"]["Form"]
    properties = {name: _portable(field) for name, field in made["properties"].items()}
    described = {"$schema": DIALECT, "$id": address, "type": "object", "additionalProperties": False}
    return described | {"required": made.get("required", []), "properties": properties}


def _portable(field: dict[str, Any]) -> dict[str, Any]:
    """Write a pattern as other languages have it: anchored, and with their sign for the end."""
    if "pattern" in field:
        field["pattern"] = "^" + re.sub(r"\\Z$", "$", field["pattern"])
    return field
