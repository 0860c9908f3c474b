"""The description of our events: valid, complete, and true of the events themselves."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from services import registry
from shared.events import CATALOGUE, OWN, routing_key
from shared.messaging.asyncapi import describe
from tests.kit.golden import FILES

OFFICIAL = Path(sys.prefix) / "asyncapi-3.0.0.json"
"""The schema of the AsyncAPI project, which ``./test`` fetches where npm is; without it the rest has to do."""


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The description as it is served: it must survive JSON."""
    made: dict[str, Any] = json.loads(json.dumps(describe()))
    return made


if OFFICIAL.exists():

    def test_the_asyncapi_project_s_own_schema_accepts_it(document: dict[str, Any]) -> None:
        """Version 3.0.0."""
        schema = json.loads(OFFICIAL.read_text())
        errors = list(jsonschema.validators.validator_for(schema)(schema).iter_errors(document))
        assert [(list(error.absolute_path), error.message) for error in errors] == []


def references(node: Any) -> list[str]:
    """Every reference in a document."""
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [each for value in node.values() for each in references(value)]
    return [each for value in node for each in references(value)] if isinstance(node, list) else []


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    """A channel to its message, a message to its data."""
    found = references(document)
    assert len(found) > 3 * len(CATALOGUE)
    for reference in found:
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_every_event_of_the_catalogue_is_in_it_under_its_routing_key(document: dict[str, Any]) -> None:
    """One channel, one operation and one message for each type, and no others."""
    messages = document["components"]["messages"]
    assert {message["name"] for message in messages.values()} == set(CATALOGUE)
    addresses = {
        messages[name]["name"]: channel["address"]
        for channel in document["channels"].values()
        for name in channel["messages"]
    }
    assert addresses == {each: routing_key(each, "{service}") for each in CATALOGUE}
    sent = {operation["channel"]["$ref"].rsplit("/", 1)[1] for operation in document["operations"].values()}
    assert sent == set(document["channels"])


def test_every_event_that_a_service_hears_is_described(document: dict[str, Any]) -> None:
    """Nobody listens to what nobody can look up."""
    described = {message["name"] for message in document["components"]["messages"].values()}
    for service in registry.load_all().values():
        assert set(service.handlers) - OWN.keys() <= described


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_event_as_it_is_sent_fits_its_description(document: dict[str, Any], path: Path) -> None:
    """A tool that was built from the description reads what we send; a changed type it does not take."""
    event = json.loads(path.read_text())
    payload = next(
        message["payload"]
        for message in document["components"]["messages"].values()
        if message["name"] == event["type"]
    )
    validator = jsonschema.Draft7Validator({**payload, "components": document["components"]})
    assert [error.message for error in validator.iter_errors(event)] == []
    assert list(validator.iter_errors({**event, "type": "discreet.other.v1"}))
    assert list(validator.iter_errors({**event, "data": {}}))


def test_nothing_in_it_has_a_place_for_a_name_or_an_address(document: dict[str, Any]) -> None:
    """Events carry references and never personal data."""
    names = {name for schema in document["components"]["schemas"].values() for name in schema.get("properties", {})}
    assert names
    assert not {name for name in names if re.search(r"mail|phone|first_name|^name$|address|message|born", name)}
