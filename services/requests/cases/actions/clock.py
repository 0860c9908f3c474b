"""What moves the day on which an answer is due: a doubt about identity, and an extension told in time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.requests.cases import letters
from services.requests.cases.actions.sending import language_of, send
from services.requests.cases.rules import UNDECIDED, Days, answer_due, extendable_until, require_state, target_day
from shared.deadlines import local_date
from shared.errors import ConflictError
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from services.requests.cases.records import RightsRequest
    from shared.policy.parts import Clocks
    from shared.service import Tools

EXTENDABLE = UNDECIDED | {"executing"}


def days_of(case: RightsRequest) -> Days:
    """Return what the due day follows from."""
    return Days(case.received_on, extended=case.extended_on is not None, paused_days=case.paused_days)


def pause(case: RightsRequest, now: datetime) -> None:
    """Stop the clock as of today, unless it stands still already."""
    case.paused_on = case.paused_on or local_date(now)


def resume(case: RightsRequest, clocks: Clocks, now: datetime) -> None:
    """Let the clock run again; the days it stood still are added to the term."""
    if case.paused_on is not None:
        case.paused_days += (local_date(now) - case.paused_on).days
        case.paused_on = None
        _set_days(case, clocks)


def extend(session: Session, tools: Tools, case: RightsRequest, body: Mapping[str, Any], *, now: datetime) -> None:
    """Extend the term by two months, once, and tell the person why inside the first month (AVG art. 12(3)).

    Raises ConflictError when it is too late, or was done before.
    """
    require_state(case.state, EXTENDABLE, Both("Verlengen", "Extending"))
    if case.extended_on is not None:
        raise ConflictError(Both("De termijn is al verlengd.", "The term was extended before."))
    today = local_date(now)
    clocks = tools.policy.clocks
    if case.paused_on is None and today > extendable_until(days_of(case), clocks):
        raise ConflictError(
            Both(
                "Verlengen kan alleen binnen de eerste maand.",
                "An extension is only possible inside the first month.",
            )
        )
    case.extended_on, case.extension_reason = today, body["reason"]
    _set_days(case, clocks)
    case.version += 1
    reason = letters.extension_in(language_of(case), body["reason"])
    send(session, tools, case, "extension", now=now, reason=reason, explanation=body["explanation"])


def _set_days(case: RightsRequest, clocks: Clocks) -> None:
    days = days_of(case)
    case.due_on, case.target_on = answer_due(days, clocks), target_day(days, clocks)
    case.warned_on = case.breached_on = None
