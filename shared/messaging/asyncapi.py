"""AsyncAPI 3.0 made from the catalogue: every event that is announced, and under which routing key."""

from __future__ import annotations

from typing import Any

import msgspec

from shared.events import CATALOGUE, routing_key

EXCHANGE = "discreet"
ENVELOPE = {
    "type": "object",
    "description": "CloudEvents 1.0 in structured JSON. Signature and key id travel beside it, as AMQP headers.",
    "required": ["specversion", "id", "source", "type", "time", "datacontenttype", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "format": "uuid"},
        "source": {"type": "string", "pattern": "^/services/[a-z]+$"},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "decisionid": {"type": "string", "format": "uuid"},
        "sequence": {"type": "string", "description": "<incarnation>.<number>, per source"},
        "traceparent": {"type": "string"},
    },
}


def describe() -> dict[str, Any]:
    """Return the description that /asyncapi.json serves."""
    _, shapes = msgspec.json.schema_components(set(CATALOGUE.values()), ref_template="#/components/schemas/{name}")
    names = {event_type: event_type.removeprefix("discreet.").replace(".", "-") for event_type in CATALOGUE}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Discreet events",
            "version": "1.0.0",
            "description": "Decisions, facts and receipts between the services. References only, never personal data.",
        },
        "defaultContentType": "application/cloudevents+json; charset=utf-8",
        "channels": {names[name]: _channel(name, names[name]) for name in CATALOGUE},
        "operations": {
            f"announce-{names[name]}": {"action": "send", "channel": {"$ref": f"#/channels/{names[name]}"}}
            for name in CATALOGUE
        },
        "components": {
            "messages": {names[name]: _message(name) for name in CATALOGUE},
            "schemas": {"Envelope": ENVELOPE, **shapes},
        },
    }


def _channel(event_type: str, name: str) -> dict[str, Any]:
    return {
        "address": routing_key(event_type, "{service}"),
        "parameters": {"service": {"description": "The service that publishes."}},
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {"amqp": {"is": "routingKey", "exchange": {"name": EXCHANGE, "type": "topic", "durable": True}}},
    }


def _message(event_type: str) -> dict[str, Any]:
    shape = CATALOGUE[event_type].__name__
    return {
        "name": event_type,
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/Envelope"},
                {
                    "type": "object",
                    "properties": {"type": {"const": event_type}, "data": {"$ref": f"#/components/schemas/{shape}"}},
                },
            ]
        },
        "headers": {
            "type": "object",
            "required": ["signature", "key_id"],
            "properties": {
                "signature": {"type": "string", "description": "Ed25519 over the exact bytes, base64"},
                "key_id": {"type": "string", "description": "The key of the roster that signed"},
            },
        },
    }
