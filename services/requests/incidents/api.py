"""Incidents over HTTP: entering one, which are open and by when, what was done about one, and closing it."""

from __future__ import annotations

import logging

from services.requests.incidents import actions, records
from services.requests.incidents.schemas import (
    CloseIncidentSchema,
    EnterIncidentSchema,
    IncidentSchema,
    IncidentsQuerySchema,
    IncidentSummarySchema,
)
from shared.clock import parse_utc, utc_text
from shared.web import Answer, Answers, Api, Call, Staff, list_of

DEALING = Staff("privacy-coordinator", "admin")
READERS = DEALING | Staff("fg")
FINDING = DEALING | Staff("physician", "assistant", "front-desk", "bookkeeper")
_log = logging.getLogger(__name__)

api = Api("incidents")


@api.get("/v1/incidents", who=READERS, query=IncidentsQuerySchema, answers=Answers(200, list_of(IncidentSummarySchema)))
def list_incidents(call: Call) -> Answer:
    """List incidents, open or closed, the latest first."""
    after = (parse_utc(call.after[0]), str(call.after[1])) if call.after else None
    with call.tools.database.reading() as session:
        rows = records.find_page(session, after, call.size + 1, closed=call.query["closed"])
    return Answer(call.listing(rows, position=lambda row: [utc_text(row.received_at), row.id]))


@api.post(
    "/v1/incidents",
    who=FINDING,
    body=EnterIncidentSchema,
    answers=Answers(201, IncidentSummarySchema),
    idempotent=True,
)
def enter_incident(call: Call) -> Answer:
    """Enter an incident that nobody reported by the form (art. 33 AVG); whoever finds out is named."""
    by = call.principal.subject
    with call.transaction() as session:
        incident = actions.enter(session, call.tools, **call.body, by=by, now=call.now)
        answer = call.keep(Answer(incident, location=f"/requests/v1/incidents/{incident.id}"))
    _log.info("an incident was entered", extra={"fields": {"by": by, "incident": incident.id}})
    return answer


@api.get("/v1/incidents/<incident_id>", who=READERS, answers=Answers(200, IncidentSchema))
def show_incident(call: Call) -> Answer:
    """Show an incident; what was reported, the intake shows to those who deal with it."""
    with call.tools.database.reading() as session:
        incident = records.incident(session, call.path["incident_id"])
        shown = {name: getattr(incident, name) for name in (*IncidentSummarySchema().fields, "entered_at")}
        return Answer(shown | {"facts": None, "measures": None} | actions.content_of(call.tools, incident))


@api.post(
    "/v1/incidents/<incident_id>/closure",
    who=DEALING,
    body=CloseIncidentSchema,
    answers=Answers(200, IncidentSummarySchema),
)
def close_incident(call: Call) -> Answer:
    """Close an incident with what was found and what was done; once, by somebody who is named."""
    with call.transaction() as session:
        incident = actions.close(
            session,
            call.tools,
            call.path["incident_id"],
            found=call.body["found"],
            measures=call.body["measures"],
            by=call.principal.subject,
            now=call.now,
        )
    _log.info("an incident was closed", extra={"fields": {"by": call.principal.subject, "incident": incident.id}})
    return Answer(incident)
