"""Today: what is due, what is late, and what waits for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint

from services.console import rules
from services.console.pages.frame import account, caller, console, show

if TYPE_CHECKING:
    from flask import Response

    from services.console.schemas import CaseSummary, DecisionList

pages = Blueprint("today", __name__)
OPEN_STATES = ("received", "identity_pending", "verified", "assessed", "decided", "executing", "executed")
MOST = 50


@pages.get("/")
def show_today() -> Response:
    """Show open requests by urgency, and decisions that somebody has not carried out in time."""
    cases, more = _open_cases() if rules.may(account().roles, "read-requests") else ([], False)
    late = _late_decisions() if rules.may(account().roles, "read-decisions") else None
    return show("today.html", cases=cases, more=more, late=late)


def _open_cases() -> tuple[list[CaseSummary], bool]:
    """Return the open requests, the most urgent first, and whether there are more than are shown."""
    lists = [console().backend.cases(caller(), state, limit=MOST) for state in OPEN_STATES]
    cases = sorted((case for each in lists for case in each.items), key=lambda case: case.clock.due_on)
    return cases, any(each.next for each in lists)


def _late_decisions() -> DecisionList:
    return console().backend.decisions(caller(), {"state": "overdue"}, cursor=None, limit=MOST)
