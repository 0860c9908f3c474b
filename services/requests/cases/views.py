"""What each role sees of a request: contact data where they are needed, and nothing held before identity (P63)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.requests.cases.actions.sending import content_of
from services.requests.cases.records import Letter, candidates_of, checks_of, letters_of
from services.requests.cases.rules import UNIDENTIFIED
from services.requests.ledger.records import answers_of
from shared.deadlines import local_date
from shared.errors import GoneError, NotFoundError
from shared.vault import Sealed

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.requests.cases.records import RightsRequest
    from shared.service import Tools

HANDLES = frozenset({"privacy-coordinator"})
READS = HANDLES | {"fg"}


def summary(case: RightsRequest, now: datetime) -> dict[str, Any]:
    """Return label, state and clock: what the front desk needs to help somebody on."""
    clock = {name: getattr(case, name) for name in ("received_on", "due_on", "target_on")}
    clock |= {name: getattr(case, name) for name in ("extended_on", "paused_on", "breached_on")}
    clock["days_left"] = (case.due_on - local_date(now)).days
    return {
        "id": case.id,
        "reference": case.reference,
        "kind": case.kind,
        "state": case.state,
        "outcome": case.outcome,
        "clock": clock,
    }


def detail(session: Session, tools: Tools, case: RightsRequest, roles: frozenset[str], now: datetime) -> dict[str, Any]:
    """Return what these roles may see of a request.

    The front desk sees who asks only while it has to establish that; the fg never sees the message, which can
    hold medical data.
    """
    content = content_of(tools, case) if case.sealed else None
    contact = content and {name: content[name] for name in ("name", "email", "phone", "address")}
    if not roles & READS:
        return summary(case, now) | ({"contact": contact} if case.state in UNIDENTIFIED else {})
    shown = summary(case, now) | {name: getattr(case, name) for name in _SHOWN}
    shown |= {
        "contact": contact,
        "identity": checks_of(session, case.id),
        "inquiry": _inquiry(session, case),
        "decision": _decision(case),
        "letters": letters_of(session, case.id),
    }
    return shown | ({"message": content and content["message"]} if roles & HANDLES else {})


def letter(session: Session, tools: Tools, case: RightsRequest, letter_id: str) -> dict[str, Any]:
    """Return a letter with what it says, to print it. Raises NotFoundError, GoneError."""
    found = session.get(Letter, letter_id)
    if found is None or found.case != case.id:
        raise NotFoundError("This request has no such letter.")
    if found.sealed is None or found.key_id is None:
        raise GoneError("The term of this letter is over.")
    text = tools.vault.open(found.id, Sealed(found.key_id, found.sealed))
    return text | {name: getattr(found, name) for name in _LETTER}


def _inquiry(session: Session, case: RightsRequest) -> dict[str, Any] | None:
    if case.inquiry is None:
        return None
    answers = answers_of(session, case.inquiry)
    return {
        "decision": case.inquiry,
        "complete": case.state != "verified",
        "services": answers,
        "candidates": candidates_of(session, case.id),
    }


def _decision(case: RightsRequest) -> dict[str, Any] | None:
    if case.outcome is None:
        return None
    return {
        "id": case.decision,
        "outcome": case.outcome,
        "ground": case.ground,
        "decided_by": case.decided_by,
        "decided_at": case.decided_at,
        "physician_agreed_by": case.physician,
    }


_SHOWN = ("channel", "language", "entered_at", "entered_by", "email_proved", "phone_proved")
_LETTER = ("id", "kind", "written_at", "sent_by", "sent_on", "track_code")
