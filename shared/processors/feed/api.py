"""A tool's feed and its answers over HTTP; every service serves these, for the tools that copy its records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from marshmallow import Schema, fields, validate

from shared.errors import NotFoundError
from shared.processors.feed.answering import answer
from shared.processors.feed.reading import read_on
from shared.processors.stated import OUTCOMES
from shared.web import Answer, Answers, Api, Call, Staff, TimeField

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.propagation.register import Processor

TOOL = Staff("tool")
api = Api("feed")


class ChangesQuerySchema(Schema):
    """Where to read on, and how much at once."""

    after = fields.String(
        validate=validate.Length(1, 60), metadata={"description": "`last` of the answer before; without it, the start"}
    )
    limit = fields.Integer(load_default=50, validate=validate.Range(1, 200))


class CopiedRecordSchema(Schema):
    """A record by its id."""

    category = fields.String(required=True)
    id = fields.String(required=True)


class ChangeSchema(Schema):
    """What a decision asks of the tool: do the action to its copies of these records, and to nothing else."""

    decision = fields.String(required=True)
    action = fields.String(required=True)
    records = fields.List(fields.Nested(CopiedRecordSchema), required=True)
    asked_at = TimeField(required=True)
    due_at = TimeField(required=True, allow_none=True)
    answered_at = TimeField(required=True, allow_none=True)
    outcome = fields.String(required=True, allow_none=True)
    ground = fields.String(required=True, allow_none=True)
    until = fields.Date(required=True, allow_none=True)
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)


class ChangesSchema(Schema):
    """A part of the feed; `last` is what to say as `after` next time, also when there is nothing more now."""

    items = fields.List(fields.Nested(ChangeSchema), required=True)
    last = fields.String(required=True)
    more = fields.Boolean(required=True)


class ToolReceiptSchema(Schema):
    """What the tool did to its copies; ``counts`` are per category."""

    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES))
    ground = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 60))
    until = fields.Date(load_default=None, allow_none=True)
    counts = fields.Dict(
        keys=fields.String(validate=validate.Length(1, 60)),
        values=fields.Integer(strict=True, validate=validate.Range(0, 1_000_000)),
        load_default=dict,
    )


@api.get("/v1/changes", who=TOOL, query=ChangesQuerySchema, answers=Answers(200, ChangesSchema))
def list_changes(call: Call) -> Answer:
    """Show the decisions that ask something of the calling tool, in the order in which they came to its feed."""
    tool = _tool(call)
    with call.tools.database.reading() as session:
        page = read_on(session, tool.id, call.query.get("after"), call.size)
    return Answer({"items": [_shown(task) for task in page.tasks], "last": page.last, "more": page.more})


@api.post("/v1/decisions/<decision_id>/receipts", who=TOOL, body=ToolReceiptSchema, answers=Answers(200, ChangeSchema))
def answer_decision(call: Call) -> Answer:
    """Take the calling tool's answer to a decision, once; the service that owns the tool issues the receipt."""
    tool = _tool(call)
    with call.transaction() as session:
        task = answer(session, call.tools, tool, call.path["decision_id"], call.body, now=call.now)
    return Answer(_shown(task))


def _tool(call: Call) -> Processor:
    """Return the tool that calls; its token is issued to its id on the register. Raises NotFoundError."""
    found = call.tools.register.get(call.principal.subject)
    if found.owner != call.tools.name or not found.by_number:
        raise NotFoundError("This service has no feed for such a tool.")
    return found


def _shown(task: Mapping[Any, Any]) -> dict[str, Any]:
    records = [
        {"category": category, "id": each} for category, identifiers in task["records"].items() for each in identifiers
    ]
    return {**task, "records": records}
