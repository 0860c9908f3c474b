"""An app for gunicorn, to see what only a real server shows: ``gunicorn tests.shared.web.served:app``."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime

from marshmallow import Schema, fields

from shared.log import configure_logging
from shared.settings import Settings
from shared.web import JSON, PUBLIC, RAW, Answer, Answers, Api
from shared.web.app import build_app
from shared.web.mounts import Mount


class TextSchema(Schema):
    """A text."""

    text = fields.String()


class SizeSchema(Schema):
    """How many bytes came in."""

    size = fields.Integer()


api = Api("served")


@api.post("/v1/texts", who=PUBLIC, body=TextSchema, media=(JSON,), max_bytes=1000, answers=Answers(200, SizeSchema))
def take_text(call):
    """Take a text."""
    return Answer({"size": len(call.raw)})


@api.post("/v1/webhooks", who=PUBLIC, body=RAW, answers=Answers(200, SizeSchema))
def take_webhook(call):
    """Take bytes."""
    return Answer({"size": len(call.raw)})


@api.get("/v1/failing/<name>", who=PUBLIC, answers=Answers(204))
def fail(call):
    """Fail with a value in the message."""
    raise RuntimeError(call.path["name"])


class Secrets:
    """Keys of which only this is needed here."""

    def secret(self, purpose: str) -> bytes:
        return b"k" * 32


@dataclass(frozen=True)
class Tools:
    """What these routes use."""

    settings: Settings
    keys: Secrets = field(default_factory=Secrets)

    def clock(self) -> datetime:
        return datetime.now(UTC)


configure_logging()
app = build_app([Mount(name="served", tools=Tools(Settings.from_environ(os.environ)), apis=[api])])
