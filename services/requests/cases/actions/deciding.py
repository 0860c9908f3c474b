"""A person's decision on a request: what goes, what stays and why, or why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from services.requests.cases.actions.naming import check_records, check_until, judge, records_of, retained_of
from services.requests.cases.actions.sending import add_content, content_of, language_of, send
from services.requests.cases.confirmation import kept_parts
from services.requests.cases.records import candidates_of
from services.requests.cases.rules import (
    DOSSIER,
    OUTCOME_NAMES,
    UNIDENTIFIED,
    check_consequences,
    check_outcome,
    check_physician,
    check_written,
    require_state,
)
from shared.deadlines import local_date
from shared.errors import InvalidInputError
from shared.events import RecordRef
from shared.propagation import decisions
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.requests.cases.records import RightsRequest
    from shared.events import RetainedPart
    from shared.policy import Policy
    from shared.service import Tools

ERASURE_GROUND = "art. 17 AVG"
DESTRUCTION_GROUND = "art. 7:455 BW"
WITHOUT_IDENTITY: Mapping[str, Collection[str]] = {
    "identity-not-established": {"identity_pending"},
    "not-authorised": UNIDENTIFIED,
    "unfounded-or-excessive": UNIDENTIFIED,
}
"""The grounds that need nothing to be looked up about anybody, and the states in which they can be known."""
ACT = Both("Besluiten", "Deciding")


def decide(
    session: Session,
    tools: Tools,
    case: RightsRequest,
    body: Mapping[str, Any],
    *,
    decided_by: str,
    decision_id: str,
    now: datetime,
) -> None:
    """Record a decision and set it in motion; a refusal is answered at once.

    Raises ConflictError in another state or while something the law asks for is missing, InvalidInputError
    for records that are not this case's and grounds that are not the policy's.
    """
    check_until(body["retained"], local_date(now))
    records, retained = records_of(body["records"]), retained_of(body["retained"])
    check_outcome(body["outcome"], retained=bool(retained), records=bool(records), ground=body["ground"])
    _check_grounds(tools.policy, body["ground"], retained)
    if body["outcome"] == "refuse":
        _refuse(session, tools, case, body, decided_by=decided_by, now=now)
        return
    require_state(case.state, {"assessed"}, ACT)
    check_records(session, case, [*body["records"], *body["retained"]])
    named = [*records, *(RecordRef(service=r.service, category=r.category, id=r.id) for r in retained)]
    check_consequences(records, acknowledged=body["consequences_acknowledged"])
    check_written(records, case.channel)
    check_physician(named, body["physician_agreed_by"])
    judge(session, case, named)
    _decided(case, body, decided_by=decided_by, now=now)
    case.touches_dossier = any(each.service == DOSSIER for each in named)
    case.decision = decision_id
    case.state = "executing"
    if body["explanation"]:
        add_content(session, tools, case, explanation=body["explanation"])
    if retained:
        _tell_what_stays(session, tools, case, retained, body["explanation"], now=now)
    decisions.take(
        session,
        tools,
        "erasure",
        decision_id=decision_id,
        refs=case.refs,
        ground=DESTRUCTION_GROUND if case.touches_dossier else ERASURE_GROUND,
        decided_by=decided_by,
        now=now,
        records=records,
        retained=retained,
        case=case.id,
    )


def _refuse(
    session: Session, tools: Tools, case: RightsRequest, body: Mapping[str, Any], *, decided_by: str, now: datetime
) -> None:
    require_state(case.state, {"assessed", *WITHOUT_IDENTITY.get(body["ground"], ())}, ACT)
    found = [RecordRef(service=c.service, category=c.category, id=c.record) for c in candidates_of(session, case.id)]
    check_physician(found, body["physician_agreed_by"])
    _decided(case, body, decided_by=decided_by, now=now)
    case.touches_dossier = any(each.service == DOSSIER for each in found)
    mailed = send(
        session,
        tools,
        case,
        "refusal",
        now=now,
        name=content_of(tools, case)["name"] if case.inquiry else None,
        decided_on=local_date(now),
        ground=tools.policy.refusing[body["ground"]],
        explanation=body["explanation"],
        dossier=case.touches_dossier,
    )
    case.state = "closed" if mailed else "decided"
    case.closed_at = now if mailed else None


def _tell_what_stays(
    session: Session,
    tools: Tools,
    case: RightsRequest,
    retained: Sequence[RetainedPart],
    explanation: str | None,
    *,
    now: datetime,
) -> None:
    """Tell at once what stays: the month for that does not wait for the last processor (AVG art. 12(4))."""
    send(
        session,
        tools,
        case,
        "decision",
        now=now,
        name=content_of(tools, case)["name"],
        decided_on=local_date(now),
        kept=kept_parts([msgspec.to_builtins(part) for part in retained], language_of(case), tools.policy),
        explanation=explanation,
        dossier=case.touches_dossier,
    )


def _decided(case: RightsRequest, body: Mapping[str, Any], *, decided_by: str, now: datetime) -> None:
    case.outcome = OUTCOME_NAMES[body["outcome"]]
    case.ground = body["ground"]
    case.decided_by, case.decided_at = decided_by, now
    case.physician = body["physician_agreed_by"]
    case.version += 1


def _check_grounds(policy: Policy, ground: str | None, retained: Sequence[RetainedPart]) -> None:
    """Refuse a ground that is not on the policy's closed list."""
    wrong: dict[str, list[str]] = {}
    if ground is not None and ground not in policy.refusing:
        wrong["ground"] = [f"Must be one of: {', '.join(policy.refusing)}."]
    for number, part in enumerate(retained):
        if part.ground not in policy.retaining:
            wrong[f"retained.{number}.ground"] = [f"Must be one of: {', '.join(policy.retaining)}."]
    if wrong:
        raise InvalidInputError(wrong)
