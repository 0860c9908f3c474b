"""Opening, closing and ending incidents."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from services.requests.incidents import letters, records
from services.requests.incidents.records import Incident
from shared.database import insert_once
from shared.errors import ConflictError
from shared.events import RecordRef
from shared.propagation import decisions
from shared.vault import Sealed
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.requests.incidents.rules import Found
    from shared.events import SecurityReportReceived
    from shared.service import Tools

REPORTS = ("intake", "security-reports")
"""Which service has the reports, and what it calls them."""
CLOSED = Both("Dit incident is al afgesloten.", "This incident is closed already.")


def open_incident(session: Session, tools: Tools, report: SecurityReportReceived, *, now: datetime) -> None:
    """Start the clock of a report and tell the security contact; heard again, it changes nothing."""
    row = {
        "id": report.report,
        "reference": report.reference,
        "suspected": report.suspected,
        "received_at": report.received_at,
        "due_at": report.received_at + tools.policy.clocks.breach,
    }
    if insert_once(session, Incident.__table__, [row]) and not report.suspected:  # type: ignore[arg-type]
        opened = records.incident(session, report.report)
        tools.mail.queue(session, letters.opened(tools, opened), now=now)


def close(
    session: Session, tools: Tools, incident_id: str, *, found: Found, measures: str, by: str, now: datetime
) -> Incident:
    """Close an incident with what was found and done. Raises NotFoundError, ConflictError when it is closed."""
    incident = records.incident(session, incident_id, to_change=True)
    if incident.closed_at is not None:
        raise ConflictError(CLOSED)
    sealed = tools.vault.seal(incident.id, {"measures": measures})
    incident.sealed, incident.key_id = sealed.ciphertext, sealed.key_id
    incident.found, incident.closed_at, incident.closed_by = found, now, by
    return incident


def measures_of(tools: Tools, incident: Incident) -> str | None:
    """Return what was done, None while it is open. Raises KeyDestroyedError."""
    if incident.sealed is None or incident.key_id is None:
        return None
    return str(tools.vault.open(incident.id, Sealed(incident.key_id, incident.sealed))["measures"])


def end_reports(session: Session, tools: Tools, incidents: Sequence[Incident], *, now: datetime) -> None:
    """Decide that the reports go from which these incidents came: when they were closed is known here only."""
    decision_id = str(uuid.uuid4())
    service, category = REPORTS
    for incident in incidents:
        incident.term_end = decision_id
    decisions.take(
        session,
        tools,
        "term-end",
        decision_id=decision_id,
        refs=(),
        ground="intake.security-report",
        decided_by="policy",
        now=now,
        records=[RecordRef(service=service, category=category, id=incident.id) for incident in incidents],
    )


def forget(session: Session, tools: Tools, incidents: Sequence[Incident]) -> None:
    """Delete incidents, and with them what was done about them."""
    tools.vault.destroy_after_commit(session, [each.key_id for each in incidents if each.key_id])
    for incident in incidents:
        session.delete(incident)
