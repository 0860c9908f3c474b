"""Opening, entering, closing and ending incidents."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from services.requests.incidents import letters, records
from services.requests.incidents.records import Incident
from shared.database import insert_once
from shared.errors import ConflictError, InvalidInputError, KeyDestroyedError
from shared.events import RecordRef
from shared.labels import new_label
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
TO_COME = Both("Dit tijdstip is nog niet geweest.", "This time is still to come.")
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


def enter(session: Session, tools: Tools, *, known_at: datetime, facts: str, by: str, now: datetime) -> Incident:
    """Start the clock of what staff found out, from when it became known, and tell the security contact.

    Raises InvalidInputError for a time that is still to come.
    """
    if known_at > now:
        raise InvalidInputError({"known_at": [TO_COME]})
    incident_id = str(uuid.uuid4())
    sealed = tools.vault.seal(incident_id, {"facts": facts})
    incident = Incident(
        id=incident_id,
        reference=new_label("M"),
        suspected=False,
        received_at=known_at,
        due_at=known_at + tools.policy.clocks.breach,
        entered_at=now,
        entered_by=by,
        sealed=sealed.ciphertext,
        key_id=sealed.key_id,
    )
    session.add(incident)
    session.flush()
    tools.mail.queue(session, letters.opened(tools, incident), now=now)
    return incident


def close(
    session: Session, tools: Tools, incident_id: str, *, found: Found, measures: str, by: str, now: datetime
) -> Incident:
    """Close an incident with what was found and done. Raises NotFoundError, ConflictError when it is closed."""
    incident = records.incident(session, incident_id, to_change=True)
    if incident.closed_at is not None:
        raise ConflictError(CLOSED)
    sealed = tools.vault.seal(incident.id, {**content_of(tools, incident), "measures": measures})
    tools.vault.destroy_after_commit(session, [incident.key_id] if incident.key_id else [])
    incident.sealed, incident.key_id = sealed.ciphertext, sealed.key_id
    incident.found, incident.closed_at, incident.closed_by = found, now, by
    return incident


def content_of(tools: Tools, incident: Incident) -> dict[str, str]:
    """Return the ``facts`` if staff entered any, and the ``measures`` once it is closed.

    Nothing where a backup of keys was put back that is older: the incident itself has to be closed all the same.
    """
    if incident.sealed is None or incident.key_id is None:
        return {}
    try:
        return tools.vault.open(incident.id, Sealed(incident.key_id, incident.sealed))
    except KeyDestroyedError:
        return {}


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
