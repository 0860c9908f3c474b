"""Closing an answer that nobody gives: who may, when, and that it takes two."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from services.requests.ledger.records import LedgerEntry
from shared.processors.interface import Done, evidence_of
from tests.services.requests.ledger.closings import (
    FIRST,
    FORM,
    SECOND,
    WEBHUIS,
    close,
    confirm,
    decide,
    let_it_be_overdue,
    propose,
    shown,
    silence,
)


def test_two_people_close_what_nobody_answers(clinic, overdue):
    """The decision is closed, and the answer is counted as what it is; who closed it and why stays with it."""
    assert shown(clinic, overdue)[1]["state"] == "overdue"
    closure = close(clinic, overdue)
    detail, answer = shown(clinic, overdue)
    assert (detail["state"], detail["unconfirmed"], detail["overdue"]) == ("closed", 1, 0)
    assert detail["answered"] == detail["expected"] - 1
    assert (answer["state"], answer["outcome"], answer["ground"]) == ("closed", "closed-unconfirmed", "bankrupt")
    assert (answer["evidence"], answer["counts"]) == (None, {})
    assert answer["history"][-1]["closed_by"] == [FIRST, SECOND]
    assert answer["closure"] == closure
    assert (closure["proposed_by"], closure["confirmed_by"]) == (FIRST, SECOND)


def test_two_people_close_an_answer_on_postgresql(clinic_on_postgresql):
    """Rows are held there by locks of their own."""
    silence(clinic_on_postgresql)
    decision = let_it_be_overdue(clinic_on_postgresql)
    close(clinic_on_postgresql, decision)
    assert shown(clinic_on_postgresql, decision)[1]["outcome"] == "closed-unconfirmed"


def test_a_proposal_alone_changes_nothing(clinic, overdue):
    """One person closes nothing; everybody who reads the decision sees what was proposed."""
    closure = propose(clinic, overdue).json
    clinic.settle()
    detail, answer = shown(clinic, overdue)
    assert (detail["state"], answer["state"], answer["outcome"]) == ("open", "overdue", None)
    assert answer["closure"] == closure
    assert (closure["confirmed_by"], closure["reason"], closure["action"]) == (None, "bankrupt", "erasure")


@pytest.mark.parametrize("subject", [FIRST, FIRST.upper()])
def test_the_same_person_is_not_the_second(clinic, overdue, subject):
    """Also not in another role, and not under the same name in capitals."""
    closure = propose(clinic, overdue).json
    assert confirm(clinic, closure, "physician", subject=subject).status_code == 403
    clinic.settle()
    assert shown(clinic, overdue)[1]["closure"]["confirmed_by"] is None


@pytest.mark.parametrize(
    "roles", [("fg",), ("admin",), ("front-desk",), ("tool",), ("privacy-coordinator", "tool"), ("physician", "fg")]
)
def test_programs_supervisors_and_others_close_nothing(clinic, overdue, roles):
    """Neither as the first nor as the second: the fg advises, a tool is nobody, and the front desk may not."""
    assert propose(clinic, overdue, *roles, subject="x.ander").status_code == 403
    closure = propose(clinic, overdue).json
    assert confirm(clinic, closure, *roles, subject="x.ander").status_code == 403


def test_a_physician_is_the_second_and_not_the_first(clinic, overdue):
    """Proposing is the privacy coordinator's; a physician sees what there is to confirm."""
    assert propose(clinic, overdue, "physician", subject=SECOND).status_code == 403
    closure = propose(clinic, overdue).json
    assert clinic.get(f"decisions/{overdue}/closures", "physician").json == {"items": [closure], "next": None}
    assert clinic.get(f"decisions/{overdue}/closures", "front-desk").status_code == 403


def test_a_service_and_a_nameless_token_close_nothing(clinic, overdue):
    """`discreet token` without a name stands for nobody in particular."""
    path = f"/requests/v1/decisions/{overdue}/closures"
    assert clinic.client.post(path, json=WEBHUIS, headers=clinic.service_token("intake")).status_code == 403
    assert propose(clinic, overdue, subject="console").status_code == 403
    assert clinic.client.post(path, json=WEBHUIS).status_code == 401


def test_what_is_not_overdue_is_waited_for(clinic, webhuis):
    """A processor has the time its agreement gives it."""
    decision = decide(clinic)
    assert propose(clinic, decision).status_code == 409
    assert shown(clinic, decision)[1]["closure"] is None


def test_what_was_answered_is_not_closed(clinic, overdue, webhuis):
    """Neither proposed nor confirmed, when the answer came after all."""
    closure = propose(clinic, overdue).json
    webhuis.says = Done(evidence_of("statement", {"by": "W. Webhuis"}))
    clinic.clock.forward(days=1)
    clinic.settle()
    assert confirm(clinic, closure).status_code == 409
    assert propose(clinic, overdue).status_code == 409
    assert shown(clinic, overdue)[1]["outcome"] == "done"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"processor": ""}, "processor"),
        ({"processor": None}, "processor"),
        ({"processor": "nobody"}, "processor"),
        ({"service": "dossier"}, "processor"),
        ({"reason": "Anna says they went bust"}, "reason"),
        ({"remark": "free words"}, "remark"),
    ],
)
def test_an_own_store_free_words_and_strangers_are_refused(clinic, overdue, changed, field):
    """Our own store is ours to repair; and free words in an event could say something about a person."""
    answer = propose(clinic, overdue, **changed)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]


def test_what_is_unknown_is_not_found(clinic, overdue):
    """A decision that never was, and a proposal under another decision."""
    assert propose(clinic, FORM).status_code == 404
    assert clinic.get(f"decisions/{FORM}/closures").status_code == 404
    closure = propose(clinic, overdue).json
    assert confirm(clinic, closure | {"decision": FORM}).status_code == 404
    assert confirm(clinic, closure | {"decision": let_it_be_overdue(clinic)}).status_code == 404
    assert confirm(clinic, closure | {"id": FORM}).status_code == 404


def test_a_new_proposal_takes_the_place_of_one_that_nobody_confirmed(clinic, overdue):
    """Whoever confirms, confirms what they saw: the earlier one is gone with its number."""
    mistaken = propose(clinic, overdue, reason="unreachable").json
    better = propose(clinic, overdue, subject="x.ander").json
    assert confirm(clinic, mistaken).status_code == 404
    assert confirm(clinic, better).status_code == 200
    clinic.settle()
    assert shown(clinic, overdue)[1]["history"][-1]["closed_by"] == ["x.ander", SECOND]


def test_it_is_confirmed_once(clinic, overdue):
    """The same click twice is one closing; somebody else's later click changes nothing."""
    closure = propose(clinic, overdue).json
    confirmed = confirm(clinic, closure)
    assert confirm(clinic, closure).json == confirmed.json
    assert confirm(clinic, closure, subject="x.ander").status_code == 409
    assert propose(clinic, overdue).status_code == 409
    clinic.settle()
    with clinic.tools.database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).where(LedgerEntry.family == "closing")) == 1


def test_a_proposal_sent_twice_under_one_key_is_one(clinic, overdue):
    """A POST that creates takes an Idempotency-Key."""
    headers = clinic.token("privacy-coordinator", subject=FIRST) | {"Idempotency-Key": "once"}
    path = f"/requests/v1/decisions/{overdue}/closures"
    first, second = (clinic.client.post(path, json=WEBHUIS, headers=headers) for _ in range(2))
    assert first.json == second.json
