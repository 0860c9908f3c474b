"""What follows when two people closed an answer: for the service, the letter and the proof, and for a late answer."""

from __future__ import annotations

import json
import re

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from services.cli import main
from shared.errors import IntegrityError, KeyDestroyedError, RetryableError
from shared.events import AnswerClosed
from shared.messaging.tables import inbox
from shared.processors.by_hand import by_hand_tasks
from shared.processors.interface import Done, evidence_of
from shared.propagation.giving import seal_name_of
from shared.propagation.obligations import wake_asked
from shared.propagation.proof import verify
from shared.propagation.tables import FINISHED, SUPERSEDED, obligations, transfers
from shared.vault import Sealed
from tests.services.requests.clinic import EMAIL, REGISTER
from tests.services.requests.conftest import open_clinic
from tests.services.requests.ledger.closings import (
    FIRST,
    FORM,
    SECOND,
    close,
    confirm,
    let_it_be_overdue,
    proof,
    propose,
    receipt,
    shown,
)


def test_the_letter_names_it(clinic, overdue):
    """The person reads who confirmed nothing and why, and never that it was done."""
    close(clinic, overdue)
    text = clinic.mail("Uitvoeringsbevestiging").text
    assert re.search(r"geen bevestiging.+gewist: Webhuis \(failliet\)\.", text, re.DOTALL)
    assert "Webhuis: gewist" not in text
    assert FIRST not in text
    assert SECOND not in text


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
        decision = let_it_be_overdue(clinic)
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


def test_a_proof_shows_who_closed_what_and_why_and_that_nobody_confirmed(clinic, overdue, tmp_path):
    """Nothing is missing in it, and nobody can read it as done."""
    close(clinic, overdue)
    verdict = verify(proof(clinic, overdue))
    assert verdict.complete
    [finding] = verdict.unconfirmed
    assert (finding.processor, finding.outcome, finding.evidence) == ("webhuis", "closed-unconfirmed", None)
    [limit] = [words for words in verdict.cannot_show if "webhuis" in words]
    assert all(word in limit for word in (FIRST, SECOND, "bankrupt", "without confirmation"))
    file = tmp_path / "proof.json"
    file.write_bytes(proof(clinic, overdue))
    checked = CliRunner().invoke(main, ["verify-proof", str(file)])
    assert checked.exit_code == 0
    assert f"bankrupt: {FIRST}, {SECOND}" in checked.output
    assert "1 of the answers never came: closed without confirmation." in checked.output


def test_a_changed_name_in_a_closing_shows(clinic, overdue):
    """The closing is signed by the requests service and stands on the chain like every other word."""
    close(clinic, overdue)
    whole = json.loads(proof(clinic, overdue))
    links = [link for link in whole["chain"]["links"] if isinstance(link, dict)]
    [link] = [each for each in links if "answer-closed" in each["body"]]
    link["body"] = link["body"].replace(SECOND, "j.jansen")
    with pytest.raises(IntegrityError):
        verify(json.dumps(whole).encode())


@pytest.fixture
def caught(clinic, overdue, webhuis):
    """The website host as it is being asked once more, while two people close its answer."""

    def meanwhile() -> None:
        webhuis.meanwhile = lambda: None
        confirm(clinic, propose(clinic, overdue).json)
        clinic.installation.mover.move()
        clinic.installation.apply()
        clinic.installation.mover.move()

    webhuis.meanwhile = meanwhile
    clinic.clock.forward(days=1)
    return webhuis


def obligation(clinic):
    """Where the website host's part stands in the intake service."""
    with clinic.installation.tools["intake"].database.reading() as session:
        query = sa.select(obligations).where(obligations.c.processor == "webhuis", obligations.c.decision.is_not(None))
        return session.execute(query).mappings().one()


def test_a_call_under_way_that_brings_no_answer_does_not_bring_the_obligation_back(clinic, overdue, caught):
    """A worker had it in its hands when two people closed it, and lets go of it."""
    clinic.settle()
    assert obligation(clinic)["state"] == SUPERSEDED
    assert shown(clinic, overdue)[1]["outcome"] == "closed-unconfirmed"


def test_a_call_under_way_that_fails_does_not_bring_the_obligation_back(clinic, overdue, caught):
    """Trouble is told, and nothing more comes of it."""
    caught.says = RetryableError("no connection")
    clinic.settle()
    assert obligation(clinic)["state"] == SUPERSEDED
    answer = shown(clinic, overdue)[1]
    assert answer["outcome"] == "closed-unconfirmed"
    assert {word["outcome"] for word in answer["history"]} == {"failed", "closed-unconfirmed"}


def test_a_call_under_way_that_brings_an_answer_is_heard(clinic, overdue, caught):
    """The processor's own word, a moment too late."""
    caught.says = Done(evidence_of("api-confirmed", {}))
    clinic.settle()
    assert obligation(clinic)["state"] == FINISHED
    assert shown(clinic, overdue)[1]["outcome"] == "done"


def speak(clinic, decision):
    """Have the website host say something of itself, as a callback does."""
    with clinic.installation.tools["intake"].database.transaction() as session:
        wake_asked(session, decision=decision, processor="webhuis", action="erasure", now=clinic.clock())
    clinic.settle()


def test_whoever_speaks_after_all_is_heard_and_not_asked_again(clinic, overdue, webhuis):
    """Word that it is working on it ends nothing; nobody looks again until it says that it is done."""
    close(clinic, overdue)
    speak(clinic, overdue)
    assert obligation(clinic)["state"] == SUPERSEDED
    webhuis.says = Done(evidence_of("processor-signed", {}))
    clinic.clock.forward(days=30)
    clinic.settle()
    assert shown(clinic, overdue)[1]["outcome"] == "closed-unconfirmed"
    speak(clinic, overdue)
    assert obligation(clinic)["state"] == FINISHED
    assert shown(clinic, overdue)[1]["outcome"] == "done"
