"""What services ask of each other about decisions: the log after a restore, and the digest every day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from marshmallow import Schema, fields

from shared.errors import UnavailableError
from shared.restore import digests, log
from shared.web import SERVICES, Answer, Answers, Api, Call, PageQuerySchema, TimeField, list_of

if TYPE_CHECKING:
    from shared.service import Tools

api = Api("restore")


class SinceSchema(PageQuerySchema):
    """The time since when."""

    since = TimeField(required=True)


class LoggedEventSchema(Schema):
    """An event's exact bytes, with what travels beside them."""

    event_id = fields.String(required=True)
    type = fields.String(required=True)
    body = fields.String(required=True)
    signature = fields.String(required=True)
    key_id = fields.String(required=True)


class DigestSchema(Schema):
    """What a service did about one decision: how many of its records are gone for good, and a digest over their ids."""

    decision = fields.String(required=True)
    gone = fields.Integer(required=True)
    digest = fields.String(required=True)


@api.get(
    "/v1/decision-log",
    who=SERVICES,
    query=SinceSchema,
    answers=Answers(200, list_of(LoggedEventSchema)),
    while_restoring=True,
)
def show_decision_log(call: Call) -> Answer:
    """Give every decision since then, and the asker's own receipts; not before our own journal was read."""
    _require_whole(call.tools)
    after = int((call.after or [0])[0])
    with call.tools.database.reading() as session:
        rows = log.page(session, call.principal.issuer, call.query["since"], after=after, limit=call.size + 1)
    return Answer(call.listing(rows, position=lambda row: [row["id"]]))


@api.get("/v1/digests", who=SERVICES, query=SinceSchema, answers=Answers(200, list_of(DigestSchema)))
def show_digests(call: Call) -> Answer:
    """Say what was done in this service's own store about every decision since then."""
    after = int((call.after or [0])[0])
    with call.tools.database.reading() as session:
        rows = digests.page(session, call.query["since"], after=after, limit=call.size + 1)
    return Answer(call.listing(rows, position=lambda row: [row.number]))


def _require_whole(tools: Tools) -> None:
    """Refuse to say what would be taken for everything while it is not."""
    standing = tools.marks.look()
    if standing is not None and not standing.may_tell:
        raise UnavailableError("restore", "This service is being put back from a backup.", retry_after=2)
