"""An answer that nobody gives: two people close it, and it stays what it is, unconfirmed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.requests.ledger.records import LedgerEntry
from services.tables import print_verdict
from shared.errors import IntegrityError, KeyDestroyedError
from shared.events import AnswerClosed, ReceiptIssued
from shared.messaging.tables import inbox
from shared.processors.by_hand import by_hand_tasks
from shared.processors.interface import Done, Pending, evidence_of
from shared.propagation.giving import seal_name_of
from shared.propagation.proof import verify
from shared.propagation.tables import SUPERSEDED, obligations, transfers
from shared.propagation.transfers import record
from shared.vault import Sealed
from tests.services.requests.clinic import EMAIL, REGISTER
from tests.services.requests.conftest import open_clinic

FORM = "5e9aa1a1-0000-4000-8000-000000000001"
FORMS = {"service": "intake", "category": "contact-forms", "id": FORM}
WEBHUIS = {"service": "intake", "processor": "webhuis", "reason": "bankrupt"}
FIRST, SECOND = "m.devries", "k.bakker"


class Silent:
    """A processor that was asked and says nothing, until it does."""

    def __init__(self, clock) -> None:
        self._clock = clock
        self.says = None

    def carry_out(self, task):
        return self.says or Pending(check_at=self._clock() + timedelta(days=1))


@pytest.fixture
def webhuis(clinic):
    """The website host, gone silent."""
    return _silence(clinic)


def _silence(clinic) -> Silent:
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


@pytest.fixture
def overdue(clinic, webhuis) -> str:
    """A decision that everybody carried out but the website host, which is late."""
    return _overdue(clinic)


def _overdue(clinic) -> str:
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
    _silence(clinic_on_postgresql)
    decision = _overdue(clinic_on_postgresql)
    close(clinic_on_postgresql, decision)
    assert shown(clinic_on_postgresql, decision)[1]["outcome"] == "closed-unconfirmed"


def test_the_letter_names_it(clinic, overdue):
    """The person reads who confirmed nothing and why, and never that it was done."""
    close(clinic, overdue)
    text = clinic.mail("Uitvoeringsbevestiging").text
    assert re.search(r"geen bevestiging.+gewist: Webhuis \(failliet\)\.", text, re.DOTALL)
    assert "Webhuis: gewist" not in text
    assert FIRST not in text
    assert SECOND not in text


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


def test_nobody_is_asked_again_and_what_said_whom_it_was_about_is_destroyed(clinic, overdue):
    """The obligation is withdrawn with its key; the transfer stays, since nobody said the data are gone."""
    tools = clinic.installation.tools["intake"]
    wanted = sa.select(obligations).where(obligations.c.processor == "webhuis", obligations.c.decision == overdue)
    with tools.database.reading() as session:
        before = session.execute(wanted).mappings().one()
    sealed = Sealed(before["key_id"], before["sealed"])
    assert tools.vault.open(seal_name_of(before), sealed)["email"] == EMAIL
    close(clinic, overdue)
    with tools.database.reading() as session:
        after = session.execute(wanted).mappings().one()
        held = session.scalars(sa.select(transfers.c.record).where(transfers.c.ended_at.is_(None))).all()
    assert (after["state"], after["sealed"], after["key_id"]) == (SUPERSEDED, None, None)
    with pytest.raises(KeyDestroyedError):
        tools.vault.open(seal_name_of(before), sealed)
    assert held == [FORM]
    clinic.clock.forward(days=30)
    clinic.run("remind of overdue answers")
    clinic.settle()
    assert shown(clinic, overdue)[1]["state"] == "closed"


def test_a_task_by_hand_is_withdrawn_with_its_link(tmp_path):
    """Whoever still has the mail reads that it is no longer needed, and nothing about anybody."""
    by_hand = REGISTER.replace("adapter: fake", "adapter: by_hand")
    with open_clinic(tmp_path, {}, by_hand) as clinic:
        decision = _overdue(clinic)
        close(clinic, decision)
        with clinic.installation.tools["intake"].database.reading() as session:
            task = session.execute(sa.select(by_hand_tasks)).mappings().one()
        assert (task["state"], task["subject"], task["subject_key_id"]) == ("withdrawn", None, None)
        assert shown(clinic, decision)[0]["state"] == "closed"


def test_a_real_answer_that_comes_later_takes_its_place(clinic, overdue, webhuis):
    """A liquidator answers after all: that is what is known now, and the closing stays in the history."""
    close(clinic, overdue)
    tools = clinic.installation.tools["intake"]
    late = receipt(clinic, overdue, "done")
    with tools.database.transaction() as session:
        tools.outbox.publish(session, late, now=clinic.clock())
    clinic.settle()
    detail, answer = shown(clinic, overdue)
    assert (detail["state"], detail["unconfirmed"], detail["answered"]) == ("closed", 0, detail["expected"])
    assert (answer["state"], answer["outcome"], answer["ground"]) == ("answered", "done", None)
    assert [word["outcome"] for word in answer["history"]] == ["closed-unconfirmed", "done"]
    verdict = verify(proof(clinic, overdue))
    assert not verdict.unconfirmed
    assert [each.confirmed_by for finding in verdict.findings for each in finding.closings] == [SECOND]


def test_trouble_that_is_told_later_does_not_undo_it(clinic, overdue, webhuis):
    """A failed call that was under way is no answer."""
    close(clinic, overdue)
    tools = clinic.installation.tools["intake"]
    with tools.database.transaction() as session:
        tools.outbox.publish(session, receipt(clinic, overdue, "failed"), now=clinic.clock())
    clinic.settle()
    assert shown(clinic, overdue)[1]["outcome"] == "closed-unconfirmed"


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


def test_a_closing_that_comes_before_its_decision_waits_for_it(clinic, overdue, webhuis):
    """After a restore events come as they come: the chain takes them in, and registering puts them to use."""
    closure = propose(clinic, overdue).json
    confirm(clinic, closure)
    with clinic.tools.database.transaction() as session:
        session.execute(sa.text("DELETE FROM expected_answers"))
        session.execute(sa.text("DELETE FROM ledger_decisions"))
        session.execute(sa.text("DELETE FROM ledger_entries WHERE family = 'decision'"))
        # What was said of the decision before stays on the chain, as after a restore from a backup.
        session.execute(
            sa.update(inbox).where(inbox.c.type.like("discreet.decision.%")).values(state="parked", attempts=0)
        )
    clinic.settle()
    with clinic.tools.database.transaction() as session:
        session.execute(sa.update(inbox).where(inbox.c.type.like("discreet.decision.%")).values(state="waiting"))
    clinic.settle()
    detail, answer = shown(clinic, overdue)
    assert (detail["state"], answer["outcome"]) == ("closed", "closed-unconfirmed")


@pytest.mark.parametrize("said", ["closing", "receipt"])
def test_nobody_but_the_ledger_closes_an_answer(clinic, overdue, said):
    """A service that says two people closed it, or that answers with the outcome of no answer, is set aside."""
    closing = AnswerClosed(
        decision=overdue,
        decision_sha256=shown(clinic, overdue)[0]["sha256"],
        service="intake",
        processor="webhuis",
        action="erasure",
        reason="bankrupt",
        proposed_by=FIRST,
        confirmed_by=SECOND,
        acted_at=clinic.clock(),
    )
    tools = clinic.installation.tools["intake"]
    with tools.database.transaction() as session:
        event = closing if said == "closing" else receipt(clinic, overdue, "closed-unconfirmed")
        tools.outbox.publish(session, event, now=clinic.clock())
    clinic.settle()
    with clinic.tools.database.reading() as session:
        assert session.scalars(sa.select(inbox.c.problem).where(inbox.c.state == "parked")).all() == [
            "ForgedEventError"
        ]
    assert shown(clinic, overdue)[1]["outcome"] is None


def test_a_proof_shows_who_closed_what_and_why_and_that_nobody_confirmed(clinic, overdue, capsys):
    """Nothing is missing in it, and nobody can read it as done."""
    close(clinic, overdue)
    verdict = verify(proof(clinic, overdue))
    assert verdict.complete
    [finding] = verdict.unconfirmed
    assert (finding.processor, finding.outcome, finding.evidence) == ("webhuis", "closed-unconfirmed", None)
    [limit] = [words for words in verdict.cannot_show if "webhuis" in words]
    assert all(word in limit for word in (FIRST, SECOND, "bankrupt", "without confirmation"))
    print_verdict(verdict)
    printed = capsys.readouterr().out
    assert f"bankrupt: {FIRST}, {SECOND}" in printed
    assert "closed without confirmation" in printed


def test_a_changed_name_in_a_closing_shows(clinic, overdue):
    """The closing is signed by the requests service and stands on the chain like every other word."""
    close(clinic, overdue)
    whole = json.loads(proof(clinic, overdue))
    links = [link for link in whole["chain"]["links"] if isinstance(link, dict)]
    [link] = [each for each in links if "answer-closed" in each["body"]]
    link["body"] = link["body"].replace(SECOND, "j.jansen")
    with pytest.raises(IntegrityError):
        verify(json.dumps(whole).encode())
