"""The task behind a link, for a processor's contact, and the tasks as staff see them; every service serves these."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from marshmallow import Schema, fields, validate

from shared.clock import parse_utc, utc_text
from shared.deadlines import local_date
from shared.errors import NotFoundError
from shared.processors.by_hand import words
from shared.processors.by_hand.answering import Statement, answer, open_subject, read_statement
from shared.processors.by_hand.links import find
from shared.processors.by_hand.tables import ANSWERED, by_hand_tasks
from shared.processors.stated import OUTCOMES
from shared.web import (
    FORM,
    HTML,
    JSON,
    MULTIPART,
    PUBLIC,
    Answer,
    Answers,
    Api,
    Call,
    Page,
    PageQuerySchema,
    Staff,
    TimeField,
    list_of,
)
from shared.wording import Both, day_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.policy import Policy
    from shared.processors.by_hand.links import Row

PAGE = Answers(200, media=HTML)
api = Api("by-hand")


class StatementSchema(Schema):
    """What a contact states."""

    outcome = fields.String(required=True, validate=validate.OneOf(OUTCOMES))
    name = fields.String(required=True, validate=validate.Length(1, 200))
    ground = fields.String(validate=validate.Length(1, 60))
    until = fields.Date()
    remark = fields.String(validate=validate.Length(max=4000))
    language = fields.String(validate=validate.OneOf(("nl", "en")))


class ByHandTaskSchema(Schema):
    """A task without whom it is about."""

    id = fields.String(required=True)
    decision = fields.String(required=True)
    processor = fields.String(required=True)
    action = fields.String(required=True)
    categories = fields.List(fields.String(), required=True)
    state = fields.String(required=True)
    asked_at = TimeField(required=True)
    due_at = TimeField(required=True)
    closed_at = TimeField(required=True, allow_none=True)
    outcome = fields.String(required=True, allow_none=True)
    ground = fields.String(required=True, allow_none=True)
    until = fields.Date(required=True, allow_none=True)
    stated_by = fields.String()
    remark = fields.String()


TASKS = list_of(ByHandTaskSchema)


@api.get("/by-hand/<token>", who=PUBLIC, answers=PAGE, limit="30/minute")
def show_by_hand_task(call: Call) -> Page:
    """Show what is asked and about whom; looking at it does nothing."""
    with call.tools.database.reading() as session:
        row = find(session, call.path["token"], call.now)
    return Page("web/by_hand_task.html", _task_page(call, row))


@api.post(
    "/by-hand/<token>",
    who=PUBLIC,
    body=StatementSchema,
    media=(FORM, MULTIPART, JSON),
    answers=PAGE,
    form=show_by_hand_task,
    limit="30/minute",
)
def answer_by_hand_task(call: Call) -> Page:
    """Take the contact's statement, once."""
    said = {name: value for name, value in call.body.items() if name != "language"}
    with call.transaction() as session:
        answer(session, call.tools, call.path["token"], Statement(**said), now=call.now)
    return Page("web/by_hand_answered.html", {"clinic": call.tools.policy.clinic.name})


@api.get(
    "/v1/by-hand-tasks", who=Staff("privacy-coordinator", "fg"), query=PageQuerySchema, answers=Answers(200, TASKS)
)
def list_by_hand_tasks(call: Call) -> Answer:
    """Return the tasks, latest first."""
    asked_at, task_id = by_hand_tasks.c.asked_at, by_hand_tasks.c.id
    query = sa.select(by_hand_tasks).order_by(asked_at.desc(), task_id.desc()).limit(call.size + 1)
    if call.after:
        before, last = parse_utc(call.after[0]), call.after[1]
        query = query.where(sa.or_(asked_at < before, sa.and_(asked_at == before, task_id < last)))
    with call.tools.database.reading() as session:
        rows = session.execute(query).mappings().all()
    return Answer(call.listing(rows, position=lambda row: [utc_text(row["asked_at"]), row["id"]]))


@api.get("/v1/by-hand-tasks/<task_id>", who=Staff("privacy-coordinator"), answers=Answers(200, ByHandTaskSchema))
def show_by_hand_statement(call: Call) -> Answer:
    """Return a task with who stated what."""
    with call.tools.database.reading() as session:
        query = sa.select(by_hand_tasks).where(by_hand_tasks.c.id == call.path["task_id"])
        row = session.execute(query).mappings().first()
    if row is None:
        raise NotFoundError
    if row["state"] != ANSWERED:
        return Answer(row)
    name, remark = read_statement(call.tools, row)
    return Answer({**row, "stated_by": name, "remark": remark})


def _task_page(call: Call, row: Row) -> dict[str, Any]:
    content: Mapping[str, Any] = open_subject(call.tools, row)
    policy, day = call.tools.policy, day_in(call.language)
    return {
        "clinic": policy.clinic.name,
        "task": words.ACTIONS.get(row["action"], words.ANYTHING_ELSE),
        "subject": _labelled(content["subject"]),
        "corrected": _labelled(content["corrected"]),
        "stays": [_staying(each, policy, day) for each in content["stays"]],
        "categories": [words.CATEGORIES.get(name, name) for name in row["categories"]],
        "due": day(local_date(row["due_at"])),
        "outcomes": words.OUTCOMES,
        "retaining": {name: Both(ground.nl, ground.en) for name, ground in policy.retaining.items()},
        "refusing": {name: Both(ground.nl, ground.en) for name, ground in policy.refusing.items()},
    }


def _labelled(values: Mapping[str, str | list[str]]) -> list[tuple[str, str]]:
    return [
        (words.SUBJECT.get(name, name), value if isinstance(value, str) else ", ".join(value))
        for name, value in values.items()
    ]


def _staying(record: Mapping[str, str | None], policy: Policy, day: Callable[[date], str]) -> dict[str, Any]:
    ground = policy.retaining.get(record["ground"] or "")
    return {
        "what": words.CATEGORIES.get(str(record["category"]), record["category"]),
        "label": record["label"],
        "because": Both(f"{ground.nl} ({ground.law})", f"{ground.en} ({ground.law})") if ground else None,
        "until": day(date.fromisoformat(record["until"])) if record["until"] else None,
    }
