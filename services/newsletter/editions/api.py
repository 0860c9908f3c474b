"""Editions over HTTP: which there are, and planning one."""

from __future__ import annotations

import logging

from services.newsletter import programmes
from services.newsletter.editions import records, rules, scheduling
from services.newsletter.editions.schemas import DraftListSchema, EditionListSchema, EditionSchema, PlanEditionSchema
from shared.clock import parse_utc, utc_text
from shared.deadlines import add_period, local_date
from shared.web import Answer, Answers, Api, Call, PageQuerySchema, Staff

PLANNING = Staff("front-desk", "privacy-coordinator", "admin")
READING = PLANNING | Staff("fg")
_log = logging.getLogger(__name__)

api = Api("newsletter-editions")


@api.get("/v1/editions", who=READING, query=PageQuerySchema, answers=Answers(200, EditionListSchema))
def list_editions(call: Call) -> Answer:
    """List editions, the latest first, with the first day on which the next may be sent (P22)."""
    after = (parse_utc(call.after[0]), str(call.after[1])) if call.after else None
    with call.tools.database.reading() as session:
        rows = records.find_page(session, after, call.size + 1)
        latest = records.latest(session)
    programme = programmes.active(call.tools.register)
    clocks = call.tools.policy.clocks
    return Answer(
        {
            **call.listing(rows, position=lambda row: [utc_text(row.at), row.campaign]),
            "programme": programme.name if programme else None,
            "earliest_on": latest and rules.may_be_next_on(latest.at, clocks.newsletter_earliest.length),
            "overdue_on": latest and add_period(local_date(latest.at), clocks.newsletter_overdue.length),
        }
    )


@api.get("/v1/editions/drafts", who=PLANNING, answers=Answers(200, DraftListSchema))
def list_drafts(call: Call) -> Answer:
    """Ask the programme which of its mailings are neither planned nor sent."""
    minutes, drafts = scheduling.drafts(call.tools)
    return Answer({"items": drafts, "minutes": minutes})


@api.post("/v1/editions", who=PLANNING, body=PlanEditionSchema, answers=Answers(200, EditionSchema))
def plan_edition(call: Call) -> Answer:
    """Have the programme send one of its mailings as an edition: to the whole list, six weeks from any other.

    The same again changes nothing. 422 for a mailing that the programme does not know or that does not go to exactly
    the whole list (P23), 409 where another edition is too close (P22) or the programme does not plan it.
    """
    body = call.body
    edition = scheduling.schedule(call.tools, body["campaign"], body["at"], body["about"], now=call.now)
    fields_of = {"by": call.principal.subject, "campaign": edition.campaign, "at": utc_text(edition.at)}
    _log.info("an edition was planned", extra={"fields": fields_of})
    return Answer(edition)
