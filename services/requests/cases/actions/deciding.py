"""A person's decision on a request: what goes, what stays and why, or why not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from services.requests.cases.actions.sending import add_content, content_of, language_of, send
from services.requests.cases.confirmation import kept_parts
from services.requests.cases.records import Candidate, candidates_of
from services.requests.cases.records import case as case_by_id
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
from shared.deadlines import local_date, start_of
from shared.errors import ConflictError, InvalidInputError, NotFoundError
from shared.events import RecordRef, RetainedPart
from shared.propagation import decisions
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.requests.cases.records import RightsRequest
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
OWN_FILE = ("requests", "rights-requests")
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
    records, retained = _records(body["records"]), _retained(body["retained"])
    check_outcome(body["outcome"], retained=bool(retained), records=bool(records), ground=body["ground"])
    _check_grounds(tools.policy, body["ground"], retained)
    if body["outcome"] == "refuse":
        _refuse(session, tools, case, body, decided_by=decided_by, now=now)
        return
    require_state(case.state, {"assessed"}, ACT)
    _check_records(session, case, [*body["records"], *body["retained"]])
    named = [*records, *(RecordRef(service=r.service, category=r.category, id=r.id) for r in retained)]
    check_consequences(records, acknowledged=body["consequences_acknowledged"])
    check_written(records, case.channel)
    check_physician(named, body["physician_agreed_by"])
    _judge(session, case, named)
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


def _records(said: Sequence[Mapping[str, Any]]) -> list[RecordRef]:
    return [RecordRef(service=each["service"], category=each["category"], id=str(each["id"])) for each in said]


def _retained(said: Sequence[Mapping[str, Any]]) -> list[RetainedPart]:
    return [
        RetainedPart(
            service=each["service"],
            category=each["category"],
            id=str(each["id"]),
            ground=each["ground"],
            until=start_of(each["until"]) if each["until"] else None,
        )
        for each in said
    ]


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


def _check_records(session: Session, case: RightsRequest, said: Sequence[Mapping[str, Any]]) -> None:
    """Let through only what the inquiry found or staff name on purpose, each once, and never this request itself."""
    known = {(each.service, each.category, each.record) for each in candidates_of(session, case.id)}
    seen: set[tuple[str, str, str]] = set()
    for each in said:
        key = (each["service"], each["category"], str(each["id"]))
        if key in seen:
            message = Both("Een gegeven is twee keer genoemd.", "A record is named twice.")
            raise InvalidInputError({"records": [message]})
        seen.add(key)
        if key not in known and not each["added"]:
            message = Both(
                "Een gegeven is bij dit verzoek niet gevonden; zet er 'added' bij als het er toch bij hoort.",
                "A record was not found for this request; mark it as 'added' if it belongs to it all the same.",
            )
            raise InvalidInputError({"records": [message]})
        if key[:2] == OWN_FILE:
            _check_own_file(session, key[2])


def _check_own_file(session: Session, case_id: str) -> None:
    """A request is the proof that erasing was right: as long as it is open, it stays."""
    try:
        other = case_by_id(session, case_id)
    except NotFoundError:
        message = Both("Dit verzoek bestaat niet.", "There is no such request.")
        raise InvalidInputError({"records": [message]}) from None
    if other.state != "closed":
        raise ConflictError(
            Both("Een verzoek dat nog loopt, wordt niet gewist.", "A request that is still open is not erased.")
        )


def _judge(session: Session, case: RightsRequest, named: Sequence[RecordRef]) -> None:
    """Note which candidates are this person's, which are somebody else's, and what staff added."""
    mine = {(each.service, each.category, each.id) for each in named}
    known = {(each.service, each.category, each.record): each for each in candidates_of(session, case.id)}
    for key, candidate in known.items():
        candidate.confirmed = key in mine
    session.add_all(
        Candidate(case=case.id, service=service, category=category, record=record, found=False, confirmed=True)
        for service, category, record in mine - known.keys()
    )
