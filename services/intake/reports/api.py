"""Reports over HTTP: a form for anybody, and what it said for the few who look into it."""

from __future__ import annotations

import logging

from services.intake import rules
from services.intake.reports import actions, records
from services.intake.reports.schemas import SecurityReportSchema, SubmitSecurityReportSchema
from services.intake.schemas import AcceptedSchema
from shared.web import FORM, HTML, JSON, MULTIPART, PUBLIC, Answer, Answers, Api, Call, Page, Staff, form_tokens

READERS = Staff("privacy-coordinator", "admin")
_log = logging.getLogger(__name__)

api = Api("security-reports")


@api.get("/security", who=PUBLIC, answers=Answers(200, media=HTML), while_restoring=True)
def show_form(call: Call) -> Page:
    """Show the form for whoever found a weakness or saw data misused (P91)."""
    return form_tokens.page(call, "intake/report.html", "/intake/security", "/intake/v1/security-reports")


@api.post(
    "/v1/security-reports",
    who=PUBLIC,
    body=SubmitSecurityReportSchema,
    media=(JSON, FORM, MULTIPART),
    answers=Answers(202, AcceptedSchema),
    form=show_form,
    idempotent=True,
    limit="10/minute",
    while_restoring=True,
)
def submit(call: Call) -> Answer | Page:
    """Take a report in (P91); one that a robot may have sent is looked at like any other, and rings no bell."""
    suspected = rules.suspicions(
        trap=bool(call.body.get("website")), filled_in=form_tokens.had_for(call), message=""
    )  # links are what such a report is about
    with call.transaction() as session:
        reference = actions.submit(
            session,
            call.tools,
            call.body,
            language=call.body.get("language", call.language),
            now=call.now,
            suspected=suspected,
        )
        answer = call.keep(Answer({"reference": reference}))
    return Page("intake/reported.html", {"reference": reference}) if call.wants_page else answer


@api.get("/v1/security-reports/<report_id>", who=READERS, answers=Answers(200, SecurityReportSchema))
def show(call: Call) -> Answer:
    """Show what was reported, word for word; who reads it is noted."""
    with call.tools.database.reading() as session:
        report = records.report(session, call.path["report_id"])
        content = actions.open_report(call.tools, report)
    fields = {"by": call.principal.subject, "report": report.id}
    _log.info("a security report was read", extra={"fields": fields})
    shown = ("id", "reference", "received_at", "suspected", "language")
    return Answer({**content, **{name: getattr(report, name) for name in shown}})
