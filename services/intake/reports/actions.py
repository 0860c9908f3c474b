"""Taking a report in, and opening it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from services.intake.reports.records import SecurityReport
from shared.database import lock_subject
from shared.events import SecurityReportReceived
from shared.identity import normalise_email
from shared.labels import new_label
from shared.vault import Sealed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.service import Tools
    from shared.wording import Language

FILLED = ("name", "email", "place", "message")


def submit(
    session: Session,
    tools: Tools,
    content: Mapping[str, Any],
    *,
    language: Language,
    now: datetime,
    suspected: Sequence[str] = (),
) -> str:
    """Store a report and announce it; return its reference. Nobody has to say who they are.

    Raises InvalidInputError for an address that cannot be one.
    """
    email = content.get("email")
    ref = tools.refs.email(normalise_email(email)) if email else None
    lock_subject(session, [ref] if ref else [])
    report_id, reference = str(uuid.uuid4()), new_label("M")
    sealed = tools.vault.seal(report_id, {name: content.get(name) for name in FILLED})
    session.add(
        SecurityReport(
            id=report_id,
            reference=reference,
            email_ref=ref,
            language=language,
            received_at=now,
            suspected=" ".join(suspected) or None,
            sealed=sealed.ciphertext,
            key_id=sealed.key_id,
        )
    )
    received = SecurityReportReceived(report=report_id, reference=reference, received_at=now, suspected=bool(suspected))
    tools.outbox.publish(session, received, now=now)
    return reference


def open_report(tools: Tools, report: SecurityReport) -> dict[str, Any]:
    """Return what was filled in. Raises KeyDestroyedError."""
    return tools.vault.open(report.id, Sealed(report.key_id, report.sealed))
