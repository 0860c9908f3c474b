"""Establishing who asks: the act at the counter, on the telephone or by post, and what follows from it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from services.requests.cases import letters
from services.requests.cases.actions.clock import pause, resume
from services.requests.cases.actions.sending import content_of, language_of, send
from services.requests.cases.records import IdentityCheck
from services.requests.cases.rules import UNIDENTIFIED, check_proof, require_state
from shared.errors import InvalidInputError
from shared.propagation import decisions
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.requests.cases.records import RightsRequest
    from shared.service import Tools

INQUIRY_GROUND = "art. 12 AVG"


def check_identity(
    session: Session,
    tools: Tools,
    case: RightsRequest,
    act: Mapping[str, Any],
    *,
    checked_by: str,
    decision_id: str,
    now: datetime,
) -> None:
    """Record an identity check; once verified, the own stores are asked what they hold, in the same transaction.

    Raises ConflictError in another state, InvalidInputError for a proof that is none.
    """
    require_state(case.state, UNIDENTIFIED, Both("Identiteit vaststellen", "Checking the identity"))
    _require_reason(act)
    if act["outcome"] == "verified":
        _verify(session, tools, case, act, checked_by=checked_by, decision_id=decision_id, now=now)
    else:
        _doubt(session, tools, case, act, now=now)
    session.add(
        IdentityCheck(
            id=str(uuid.uuid4()),
            case=case.id,
            method=act["method"],
            document_type=act["document_type"],
            outcome=act["outcome"],
            reason=act["reason"],
            checked_by=checked_by,
            checked_at=now,
        )
    )
    case.version += 1


def _require_reason(act: Mapping[str, Any]) -> None:
    if (act["outcome"] == "verified") == (act["reason"] is not None):
        message = Both("Twijfel heeft een reden, zekerheid niet.", "Doubt has a reason, certainty has none.")
        raise InvalidInputError({"reason": [message]})


def _verify(
    session: Session,
    tools: Tools,
    case: RightsRequest,
    act: Mapping[str, Any],
    *,
    checked_by: str,
    decision_id: str,
    now: datetime,
) -> None:
    check_proof(act["method"], act["document_type"], email=act["email"])
    typed = content_of(tools, case)
    missing = [name for name in ("email", "phone") if act[name] and not typed[name]]
    if missing:
        message = Both("Staat niet in het verzoek.", "The request does not have one.")
        raise InvalidInputError({name: [message] for name in missing})
    case.email_proved, case.phone_proved = act["email"], act["phone"]
    refs = [*(tools.refs.emails(typed["email"]) if act["email"] else ())]
    refs += tools.refs.phones(typed["phone"]) if act["phone"] else ()
    case.refs = sorted(refs)
    resume(case, tools.policy.clocks, now)
    case.state = "verified"
    case.inquiry = decision_id
    decisions.take(
        session,
        tools,
        "inquiry",
        decision_id=decision_id,
        refs=case.refs,
        ground=INQUIRY_GROUND,
        decided_by=checked_by,
        now=now,
        case=case.id,
    )


def _doubt(session: Session, tools: Tools, case: RightsRequest, act: Mapping[str, Any], *, now: datetime) -> None:
    """Stop the clock while the doubt is the person's to take away; a check that failed lets it run (AVG art. 12(6))."""
    case.state = "identity_pending"
    if act["outcome"] == "failed":
        resume(case, tools.policy.clocks, now)
        return
    pause(case, now)
    reason = letters.doubt_in(language_of(case), act["reason"])
    send(session, tools, case, "doubt", now=now, reason=reason)
