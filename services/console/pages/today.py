"""Today: what is due, what is late, and what waits for a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from flask import Blueprint

from services.console import rules
from services.console.pages.frame import account, caller, console, show
from shared.deadlines import local_date
from shared.errors import UnavailableError

if TYPE_CHECKING:
    from datetime import date

    from flask import Response

    from services.console.schemas import CaseSummary, DecisionList, Edition

pages = Blueprint("today", __name__)
OPEN_STATES = ("received", "identity_pending", "verified", "assessed", "decided", "executing", "executed")
MOST = 50
LATEST = 10
LOOKED_AT = timedelta(days=28)
"""How long what is wrong with an edition stands here; it stays in the list of editions."""


@pages.get("/")
def show_today() -> Response:
    """Show open requests by urgency, and decisions that somebody has not carried out in time."""
    cases, more = _open_cases() if rules.may(account().roles, "read-requests") else ([], False)
    late = _late_decisions() if rules.may(account().roles, "read-decisions") else None
    editions = _editions() if rules.may(account().roles, "see-editions") else None
    return show("today.html", cases=cases, more=more, late=late, editions=editions)


@dataclass(frozen=True, slots=True)
class Editions:
    """What is to be looked at about the newsletter: editions with a warning, and since when the next is due."""

    warned: list[Edition]
    overdue_on: date | None
    down: bool = False


def _editions() -> Editions:
    """Return it; a newsletter that cannot be reached hides nothing else of today."""
    try:
        found = console().backend.editions(caller(), cursor=None, limit=LATEST)
    except UnavailableError:
        return Editions([], None, down=True)
    now = console().clock()
    recent = [each for each in found.items if each.warnings and each.at > now - LOOKED_AT]
    overdue = found.overdue_on if found.overdue_on and found.overdue_on <= local_date(now) else None
    return Editions(recent, overdue)


def _open_cases() -> tuple[list[CaseSummary], bool]:
    """Return the open requests, the most urgent first, and whether there are more than are shown."""
    lists = [console().backend.cases(caller(), state, limit=MOST) for state in OPEN_STATES]
    cases = sorted((case for each in lists for case in each.items), key=lambda case: case.clock.due_on)
    return cases, any(each.next for each in lists)


def _late_decisions() -> DecisionList:
    return console().backend.decisions(caller(), {"state": "overdue"}, cursor=None, limit=MOST)
