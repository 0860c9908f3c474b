"""A website host that gives no answer, and two members of staff who close it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from shared.events import ReceiptIssued
from shared.processors.interface import Pending
from shared.propagation.transfers import record

FORM = "5e9aa1a1-0000-4000-8000-000000000001"
FORMS = {"service": "intake", "category": "contact-forms", "id": FORM}
WEBHUIS = {"service": "intake", "processor": "webhuis", "reason": "bankrupt"}
FIRST, SECOND = "m.devries", "k.bakker"


class Silent:
    """A processor that was asked and says nothing, until it does; ``meanwhile`` happens while it is being asked."""

    def __init__(self, clock) -> None:
        self._clock = clock
        self.says = None
        self.meanwhile = lambda: None

    def carry_out(self, task):
        self.meanwhile()
        if isinstance(self.says, Exception):
            raise self.says
        return self.says or Pending(check_at=self._clock() + timedelta(days=1))


def silence(clinic) -> Silent:
    """Put a silent website host in the place of the one that answers at once."""
    silent = Silent(clinic.clock)
    services = clinic.installation.services
    services["intake"] = replace(services["intake"], adapters={"fake": lambda tools, processor: silent})
    return silent


def decide(clinic) -> str:
    """Grant a request, and let everybody answer who answers; return the decision."""
    clinic.hold("intake", FORM)
    with clinic.installation.tools["intake"].database.transaction() as session:
        record(session, "webhuis", "contact-forms", [FORM], now=clinic.clock())
    case_id = clinic.assessed()
    answer = clinic.act(case_id, "decision", {"outcome": "grant", "records": [FORMS]})
    assert answer.status_code == 200, answer.json
    clinic.settle()
    return clinic.case(case_id)["decision"]["id"]


def let_it_be_overdue(clinic) -> str:
    """Take a decision and wait longer than the website host has; return the decision."""
    decision = decide(clinic)
    clinic.clock.forward(days=8)
    clinic.settle()
    return decision


def propose(clinic, decision, *roles, subject=FIRST, **changed):
    """Propose to close the website host's answer."""
    headers = clinic.token(*(roles or ("privacy-coordinator",)), subject=subject)
    return clinic.client.post(f"/requests/v1/decisions/{decision}/closures", json=WEBHUIS | changed, headers=headers)


def confirm(clinic, closure, *roles, subject=SECOND):
    """Confirm a proposal as somebody."""
    path = f"/requests/v1/decisions/{closure['decision']}/closures/{closure['id']}/confirmation"
    return clinic.client.post(path, headers=clinic.token(*(roles or ("physician",)), subject=subject))


def close(clinic, decision, **changed):
    """Close the website host's answer, as two people do."""
    closure = propose(clinic, decision, **changed)
    assert closure.status_code == 201, closure.json
    answer = confirm(clinic, closure.json)
    assert answer.status_code == 200, answer.json
    clinic.settle()
    return answer.json


def shown(clinic, decision):
    """Return the decision, and the website host's answer in it, as staff see them."""
    detail = clinic.get(f"decisions/{decision}").json
    [answer] = [each for each in detail["answers"] if each["processor"] == "webhuis"]
    return detail, answer


def proof(clinic, decision) -> bytes:
    """Take the proof along."""
    return clinic.get(f"decisions/{decision}/proof").data


def receipt(clinic, decision, outcome) -> ReceiptIssued:
    """What the intake service says of the website host."""
    return ReceiptIssued(
        decision=decision,
        decision_sha256=shown(clinic, decision)[0]["sha256"],
        service="intake",
        processor="webhuis",
        action="erasure",
        outcome=outcome,
        acted_at=clinic.clock(),
    )
