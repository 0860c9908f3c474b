"""The address that processors call back, and the requests as staff see them; every service serves these."""

from __future__ import annotations

import sqlalchemy as sa
from marshmallow import Schema, fields

from shared.clock import parse_utc, utc_text
from shared.processors.opendsr.callbacks import hear
from shared.processors.opendsr.tables import opendsr_requests
from shared.web import PUBLIC, RAW, Answer, Answers, Api, Call, PageQuerySchema, Staff, TimeField, list_of

LARGEST = 64 * 1024
api = Api("opendsr")


class OpenDsrRequestSchema(Schema):
    """A request to a processor; it never says whom it is about."""

    id = fields.String(required=True)
    decision = fields.String(required=True)
    processor = fields.String(required=True)
    action = fields.String(required=True)
    status = fields.String(required=True)
    asked_at = TimeField(required=True)
    expected_at = TimeField(required=True, allow_none=True)
    closed_at = TimeField(required=True, allow_none=True)
    contradicted_by = fields.String(required=True, allow_none=True)


REQUESTS = list_of(OpenDsrRequestSchema)


@api.post(
    "/v1/opendsr/callbacks",
    who=PUBLIC,
    body=RAW,
    max_bytes=LARGEST,
    answers=Answers(202),
    limit="300/minute",
    never_redirect=True,
)
def hear_opendsr_callback(call: Call) -> Answer:
    """Take in what a processor signed about a request; repeating it changes nothing."""
    hear(call.tools, call.headers, call.raw, now=call.now)
    return Answer()


@api.get(
    "/v1/opendsr/requests",
    who=Staff("privacy-coordinator", "fg"),
    query=PageQuerySchema,
    answers=Answers(200, REQUESTS),
)
def list_opendsr_requests(call: Call) -> Answer:
    """Return the requests, latest first, with what a processor said and then took back."""
    asked_at, request_id = opendsr_requests.c.asked_at, opendsr_requests.c.id
    query = sa.select(opendsr_requests).order_by(asked_at.desc(), request_id.desc()).limit(call.size + 1)
    if call.after:
        before, last = parse_utc(call.after[0]), call.after[1]
        query = query.where(sa.or_(asked_at < before, sa.and_(asked_at == before, request_id < last)))
    with call.tools.database.reading() as session:
        rows = session.execute(query).mappings().all()
    return Answer(call.listing(rows, position=lambda row: [utc_text(row["asked_at"]), row["id"]]))
