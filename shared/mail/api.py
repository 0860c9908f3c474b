"""Mails that nobody got, over HTTP; every service serves its own."""

from __future__ import annotations

import logging

from marshmallow import Schema, fields

from shared.clock import parse_utc, utc_text
from shared.mail import refused
from shared.web import Answer, Answers, Api, Call, PageQuerySchema, Staff, TimeField, list_of

STAFF = Staff("privacy-coordinator", "front-desk", "admin")
_log = logging.getLogger(__name__)

api = Api("refused-mails")


class RefusedMailSchema(Schema):
    """A mail that nobody got: why it was sent, about which record, and what the server said; never to whom.

    ``sendable`` is one that can be sent again; what was sent and came back is here without its content.
    """

    id = fields.String(attribute="mail")
    reason = fields.String()
    about = fields.String()
    problem = fields.String(allow_none=True)
    attempts = fields.Integer()
    sendable = fields.Boolean()
    created_at = TimeField()


class DoneSchema(Schema):
    """Which mail it was."""

    id = fields.String()


@api.get("/v1/refused-mails", who=STAFF, query=PageQuerySchema, answers=Answers(200, list_of(RefusedMailSchema)))
def list_refused(call: Call) -> Answer:
    """List the mails that were refused or came back, the latest first."""
    after = (parse_utc(call.after[0]), str(call.after[1])) if call.after else None
    with call.tools.database.reading() as session:
        rows = refused.find_page(session, after, call.size + 1)
    return Answer(call.listing(rows, position=lambda row: [utc_text(row["created_at"]), row["mail"]]))


@api.post("/v1/refused-mails/<mail_id>/retry", who=STAFF, answers=Answers(200, DoneSchema))
def retry(call: Call) -> Answer:
    """Have a mail sent again."""
    with call.transaction() as session:
        refused.try_again(session, call.path["mail_id"], call.now)
    return _done(call, "a mail is tried again")


@api.post("/v1/refused-mails/<mail_id>/letting-go", who=STAFF, answers=Answers(200, DoneSchema))
def let_go(call: Call) -> Answer:
    """Take a mail back for good, since somebody saw to it in another way."""
    with call.transaction() as session:
        refused.let_go(session, call.tools, call.path["mail_id"])
    return _done(call, "a mail was let go of")


def _done(call: Call, what: str) -> Answer:
    fields_of = {"by": call.principal.subject, "mail": call.path["mail_id"]}
    _log.info(what, extra={"fields": fields_of})
    return Answer({"id": call.path["mail_id"]})
