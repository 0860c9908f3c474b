"""The worker: one thing at a time about one person, nothing lost with a process, and trouble told of once."""

from __future__ import annotations

import threading
from datetime import date, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.errors import PermanentError, RetryableError
from shared.messaging.parked import parked, retry
from shared.processors.interface import Done, NothingHeld, Pending, Refused, Retained, SubjectIdentifiers, evidence_of
from shared.propagation import rechecks, transfers
from shared.propagation.claiming import LEASE, claim_one
from shared.propagation.obligations import wake_asked
from shared.propagation.tables import obligations
from shared.propagation.worker import ATTEMPTS
from tests.kit.cards import REGISTER, Clinic

if TYPE_CHECKING:
    from pathlib import Path

ANNA = "anna@example.nl"
SEEN = evidence_of("re-read", {"found": 0}, {"cards": 1})


def given(clinic: Clinic, card: str = "anna", email: str = ANNA) -> str:
    """Decide an erasure of a card that the mailer was given; return the decision."""
    return clinic.decide(records=[clinic.hold(card, email, "0612345678", given_to=["mailer"])])


def mailer(clinic: Clinic, decision: str) -> dict:
    """The newsletter's obligation for the mailer."""
    [row] = clinic.obligations(decision=decision, processor="mailer")
    return row


class TestOutcomes:
    """What a processor answers, as the ledger hears it."""

    def test_done_is_told_with_its_evidence_and_the_processor_has_it_no_longer(self, clinic: Clinic) -> None:
        """The grade, the digest and the counts of what was seen."""
        clinic.processors["mailer"].answers.append(Done(SEEN))
        decision = given(clinic)
        clinic.settle()
        [receipt] = clinic.said(decision, "mailer")
        assert (receipt.outcome, receipt.counts) == ("done", {"cards": 1})
        assert receipt.evidence is not None
        assert (receipt.evidence.grade, receipt.evidence.digest) == ("re-read", SEEN.digest)
        with clinic.tools.database.reading() as session:
            assert transfers.held_by(session, "mailer", ["anna"]) == []

    def test_the_processor_is_told_whom_and_what_it_is_about_as_far_as_it_ever_knew(self, clinic: Clinic) -> None:
        """The archive knows addresses only: an erasure tells it no name and no number."""
        decision = given(clinic)
        clinic.settle()
        [task] = clinic.processors["mailer"].tasks
        assert task.subject == SubjectIdentifiers(email=ANNA, phone="0612345678", name="Of anna")
        assert (task.decision_id, task.action, task.records) == (decision, "erasure", {"cards": ["anna"]})
        [task] = clinic.processors["archive"].tasks
        assert task.subject == SubjectIdentifiers(email=ANNA)

    def test_retained_ends_it_with_ground_and_date_and_the_processor_still_has_it(self, clinic: Clinic) -> None:
        """Nobody is told that it is gone."""
        clinic.processors["mailer"].answers.append(Retained("fiscal-retention", date(2033, 12, 31), SEEN))
        decision = given(clinic)
        clinic.settle()
        [receipt] = clinic.said(decision, "mailer")
        assert (receipt.outcome, receipt.ground) == ("retained", "fiscal-retention")
        assert [(part.id, part.until and part.until.date()) for part in receipt.retained] == [
            ("anna", date(2033, 12, 31))
        ]
        with clinic.tools.database.reading() as session:
            assert transfers.held_by(session, "mailer", ["anna"]) == ["anna"]
        assert mailer(clinic, decision)["state"] == "finished"

    def test_refused_and_nothing_held_are_answers_too(self, clinic: Clinic) -> None:
        """Each with what the processor said."""
        clinic.processors["mailer"].answers.extend([Refused("unlawful-instruction", SEEN), NothingHeld(SEEN)])
        refused, nothing = given(clinic), given(clinic, "bea", "bea@example.nl")
        clinic.settle()
        assert [clinic.said(refused, "mailer")[0].ground, *clinic.outcomes(nothing, "mailer")] == [
            "unlawful-instruction",
            "nothing-held",
        ]

    def test_p76_after_the_receipt_nothing_can_open_what_was_sealed_for_the_processor(self, either: Clinic) -> None:
        """The identifiers go with the receipt, and their key from every backup's point of view too."""
        either.processors["mailer"].answers.append(RetryableError("away"))
        decision = given(either)
        either.arrive()
        key = mailer(either, decision)["key_id"]
        either.settle()
        assert either.tools.vault.surviving([key]) == {key}
        either.clock.forward(hours=1)
        either.settle()
        row = mailer(either, decision)
        assert (row["state"], row["sealed"], row["key_id"]) == ("finished", None, None)
        assert either.tools.vault.surviving([key]) == set()


class TestWhoIsAsked:
    """An erasure must not be a new disclosure."""

    def test_who_was_given_nothing_is_not_addressed_and_hears_nothing(self, clinic: Clinic) -> None:
        """The service answers for it, without any traffic."""
        decision = clinic.decide(records=[clinic.hold("anna", ANNA)])
        clinic.settle()
        assert clinic.outcomes(decision, "mailer") == ["not-addressed"]
        assert clinic.processors["mailer"].tasks == []
        assert clinic.ledger(decision)["state"] == "closed"

    def test_who_gave_it_back_is_not_addressed_again(self, clinic: Clinic) -> None:
        """It confirmed to have erased it: a second decision finds nothing there."""
        given(clinic)
        clinic.settle()
        again = clinic.decide(records=[clinic.hold("anna2", ANNA)])
        clinic.settle()
        assert clinic.outcomes(again, "mailer") == ["not-addressed"]

    def test_who_is_always_told_is_asked_without_a_transfer(self, clinic: Clinic) -> None:
        """A host sees every form, whether or not anybody wrote that down."""
        decision = clinic.decide(records=[clinic.hold("anna", ANNA)])
        clinic.settle()
        assert clinic.outcomes(decision, "archive") == ["done"]

    def test_whom_the_service_never_held_is_claimed_from_the_decider(self, clinic: Clinic) -> None:
        """It knows from the identity check; here nobody answers, so it stays open and is told once."""
        decision = clinic.decide(emails=[ANNA])
        clinic.settle()
        assert clinic.outcomes(decision, "archive") == ["failed"]
        assert clinic.processors["archive"].tasks == []


class TestTrouble:
    """Tried again, told of once, and set aside for a person in the end."""

    def test_the_ledger_hears_of_each_new_kind_of_trouble_once(self, clinic: Clinic) -> None:
        """Not of every attempt: three times the same, then another, then the end."""
        away = RetryableError("away")
        clinic.processors["mailer"].answers.extend([away, away, away, RetryableError("busy " * 100), away, Done(SEEN)])
        decision = given(clinic)
        for _ in range(7):
            clinic.settle()
            clinic.clock.forward(hours=1)
        said = clinic.said(decision, "mailer")
        assert [receipt.outcome for receipt in said] == ["failed", "failed", "failed", "done"]
        assert said[0].ground == "RetryableError: away"
        assert clinic.ledger(decision)["state"] == "closed"

    def test_the_same_long_trouble_is_one_trouble(self, clinic: Clinic) -> None:
        """Also when its words are cut off to be stored."""
        clinic.processors["mailer"].answers.extend([RetryableError("busy " * 100)] * 5)
        decision = given(clinic)
        for _ in range(5):
            clinic.settle()
            clinic.clock.forward(hours=1)
        assert clinic.outcomes(decision, "mailer") == ["failed"]

    def test_what_no_attempt_will_change_is_set_aside_at_once(self, clinic: Clinic) -> None:
        """A wrong password: the ledger is told, a person looks, and tries it again."""
        clinic.processors["mailer"].answers.append(PermanentError("the key was refused"))
        decision = given(clinic)
        clinic.settle()
        clinic.clock.forward(days=2)
        clinic.settle()
        row = mailer(clinic, decision)
        assert (row["state"], row["problem"]) == ("parked", "PermanentError: the key was refused")
        assert clinic.outcomes(decision, "mailer") == ["failed"]
        with clinic.tools.database.transaction() as session:
            assert [each.number for each in parked(session)] == [row["id"]]
            retry(session, "obligation", row["id"], clinic.clock())
        clinic.settle()
        assert clinic.outcomes(decision, "mailer") == ["failed", "done"]

    def test_what_fails_for_days_is_set_aside(self, clinic: Clinic) -> None:
        """Forty attempts, then a person; nobody's address is kept at it for ever."""
        clinic.processors["mailer"].answers.extend([RetryableError("away")] * 100)
        decision = given(clinic)
        for _ in range(ATTEMPTS + 3):
            clinic.settle()
            clinic.clock.forward(hours=1)
        assert mailer(clinic, decision)["state"] == "parked"
        assert len(clinic.processors["mailer"].tasks) == ATTEMPTS

    def test_a_fault_of_ours_stops_no_other_obligation(self, clinic: Clinic) -> None:
        """An adapter that falls over is tried again like any trouble."""
        clinic.processors["mailer"].answers.append(ZeroDivisionError())
        broken, whole = given(clinic), given(clinic, "bea", "bea@example.nl")
        clinic.settle()
        assert (clinic.outcomes(broken, "mailer"), clinic.outcomes(whole, "mailer")) == (["failed"], ["done"])
        clinic.clock.forward(hours=1)
        clinic.settle()
        assert clinic.outcomes(broken, "mailer") == ["failed", "done"]

    def test_the_processor_says_when_to_come_back(self, clinic: Clinic) -> None:
        """Not before, and then."""
        clinic.processors["mailer"].answers.append(RetryableError("too many", retry_after=3600))
        decision = given(clinic)
        clinic.settle()
        clinic.clock.forward(minutes=59)
        clinic.settle()
        assert clinic.outcomes(decision, "mailer") == ["failed"]
        clinic.clock.forward(minutes=2)
        clinic.settle()
        assert clinic.outcomes(decision, "mailer") == ["failed", "done"]


class TestAsked:
    """A processor that answers later."""

    def test_it_is_asked_again_at_its_time_with_what_the_adapter_left(self, clinic: Clinic) -> None:
        """And is one request to the processor: the same key over all attempts."""
        first = Pending(clinic.clock() + timedelta(days=3), {"request": "r-1"})
        clinic.processors["mailer"].answers.extend([first, Done(SEEN)])
        decision = given(clinic)
        clinic.settle()
        clinic.clock.forward(days=2)
        clinic.settle()
        assert (mailer(clinic, decision)["state"], len(clinic.processors["mailer"].tasks)) == ("asked", 1)
        clinic.clock.forward(days=1)
        clinic.settle()
        before, after = clinic.processors["mailer"].tasks
        assert (before.state, after.state) == ({}, {"request": "r-1"})
        assert before.idempotency_key == after.idempotency_key
        assert clinic.outcomes(decision, "mailer") == ["done"]

    def test_when_it_calls_back_it_is_looked_at_at_once(self, either: Clinic) -> None:
        """And not at another's."""
        clinic = either
        later = Pending(clinic.clock() + timedelta(days=3))
        clinic.processors["mailer"].answers.extend([later, later])
        decision, other = given(clinic), given(clinic, "bea", "bea@example.nl")
        clinic.settle()
        with clinic.tools.database.transaction() as session:
            wake_asked(session, decision=decision, processor="mailer", action="erasure", now=clinic.clock())
        clinic.settle()
        assert (clinic.outcomes(decision, "mailer"), clinic.outcomes(other, "mailer")) == (["done"], [])

    def test_while_it_waits_another_decision_about_that_person_goes_on(self, clinic: Clinic) -> None:
        """A processor that takes its ten days does not hold up a restriction."""
        clinic.processors["mailer"].answers.append(Pending(clinic.clock() + timedelta(days=10)))
        anna = clinic.hold("anna", ANNA, given_to=["mailer"])
        clinic.decide("correction", [anna])
        clinic.settle()
        restricted = clinic.decide("restriction", [anna])
        clinic.settle()
        assert clinic.outcomes(restricted, "mailer") == ["done"]


class TestLeases:
    """A worker that is gone, slow or back from sleep."""

    def test_what_a_killed_worker_had_is_taken_up_when_its_lease_is_over(self, clinic: Clinic) -> None:
        """And not before: it may be alive and just waiting for an answer."""
        decision = given(clinic)
        clinic.arrive()
        while (row := claim_one(clinic.tools)) is not None and row["processor"] != "mailer":
            pass
        clinic.clock.now += LEASE - timedelta(seconds=1)
        clinic.settle()
        assert clinic.outcomes(decision, "mailer") == []
        clinic.clock.forward(seconds=2)
        clinic.settle()
        assert clinic.outcomes(decision, "mailer") == ["done"]

    def test_one_that_kills_its_worker_each_time_is_set_aside_in_the_end(self, clinic: Clinic) -> None:
        """Attempts are counted when they begin; it must not take a process down every five minutes for ever."""
        decision = given(clinic)
        clinic.arrive()
        for _ in range(ATTEMPTS):
            while claim_one(clinic.tools) is not None:
                pass
            clinic.clock.now += LEASE + timedelta(seconds=1)
        clinic.settle()
        row = mailer(clinic, decision)
        assert (row["state"], row["attempts"]) == ("parked", ATTEMPTS + 1)
        assert clinic.processors["mailer"].tasks == []
        assert clinic.outcomes(decision, "mailer") == ["failed"]

    def test_one_that_wakes_after_another_has_finished_changes_nothing(self, clinic: Clinic) -> None:
        """Its late failure does not open what is done, and is not told of."""
        decision = given(clinic)

        def stall(_task) -> Done:
            clinic.clock.now += LEASE + timedelta(seconds=1)
            other = clinic.worker
            while other.work():
                pass
            raise RetryableError("timed out")

        clinic.processors["mailer"].answers.append(stall)
        clinic.settle()
        assert mailer(clinic, decision)["state"] == "finished"
        assert clinic.outcomes(decision, "mailer") == ["done"]
        clinic.clock.forward(days=1)
        clinic.settle()
        assert clinic.outcomes(decision, "mailer") == ["done"]

    def test_a_clock_that_was_set_back_holds_up_neither_new_work_nor_what_was_left_behind(self, clinic: Clinic) -> None:
        """The machine thought it was next week for a minute."""
        clinic.clock.forward(days=7)
        decision = given(clinic)
        clinic.arrive()
        while (row := claim_one(clinic.tools)) is not None and row["processor"] != "mailer":
            pass
        clinic.clock.forward(days=-7)
        clinic.settle()
        assert clinic.outcomes(decision, "mailer") == ["done"]
        assert clinic.ledger(decision)["state"] == "closed"

    def test_many_workers_at_once_carry_everything_out_once(self, either: Clinic) -> None:
        """Four threads on twelve people, two things about each: one at a time about one person, in order."""
        clinic = either
        running: set[str] = set()
        clashes: list[str] = []
        order: list[tuple[str, str]] = []

        def watch(task) -> Done:
            who = task.subject.email
            if who in running:
                clashes.append(who)
            running.add(who)
            order.append((who, task.action))
            running.discard(who)
            return Done(SEEN)

        clinic.processors["mailer"].answers.extend([watch] * 24)
        for number in range(12):
            card = clinic.hold(f"card-{number}", f"p{number}@example.nl", given_to=["mailer"])
            clinic.decide("correction", [card])
            clinic.decide("erasure", [card])
        clinic.arrive()

        def work() -> None:
            worker = clinic.worker
            while worker.work():
                pass

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        clinic.settle()
        assert clashes == []
        assert sorted(order) == sorted(set(order))
        for number in range(12):
            assert [action for who, action in order if who == f"p{number}@example.nl"] == ["correction", "erasure"]


def test_one_processor_gets_one_thing_at_a_time_about_one_person(clinic: Clinic) -> None:
    """While one is under way the next about that person waits; about another it does not."""
    anna, bea = clinic.hold("anna", ANNA, given_to=["mailer"]), clinic.hold("bea", "b@example.nl", given_to=["mailer"])
    clinic.decide("correction", [anna])
    clinic.decide("restriction", [anna])
    clinic.decide("restriction", [bea])
    clinic.arrive()
    claimed = []
    while (row := claim_one(clinic.tools)) is not None:
        claimed.append((row["processor"], row["records"], row["kind"]))
    assert [(records, kind) for processor, records, kind in claimed if processor == "mailer"] == [
        ({"cards": ["anna"]}, "correction"),
        ({"cards": ["bea"]}, "restriction"),
    ]


class TestGiving:
    """What a service owes a processor by itself, until a decision overtakes it."""

    def test_p46_without_an_agreement_nothing_is_given_and_decisions_go_all_the_same(self, tmp_path: Path) -> None:
        """It waits however long, shown with its reason, and is no failed attempt; an erasure does not wait."""
        in_two_days = REGISTER.replace("signed: 2024-06-10, ends: 2026-12-31", "signed: 2026-11-04, ends: null")
        clinic = Clinic(tmp_path, register=in_two_days)
        anna = clinic.hold("anna", ANNA, given_to=["mailer"])
        clinic.hold("bea", "bea@example.nl")
        clinic.give("bea", "bea@example.nl")
        decision = clinic.decide(records=[anna])
        for _ in range(36):
            clinic.settle()
            clinic.clock.forward(hours=1)
        [waiting] = clinic.obligations(kind="transfer")
        assert (waiting["state"], waiting["problem"], waiting["attempts"]) == ("open", "agreement_missing", 0)
        assert [task.action for task in clinic.processors["mailer"].tasks] == ["erasure"]
        assert clinic.outcomes(decision, "mailer") == ["done"]
        clinic.clock.forward(hours=12)
        clinic.settle()
        assert [task.action for task in clinic.processors["mailer"].tasks] == ["erasure", "subscribe"]
        clinic.close()

    def test_an_erasure_drops_what_was_still_to_be_given_and_the_processor_never_hears_of_the_person(
        self, either: Clinic
    ) -> None:
        """It was never tried: the processor never had it, so it is not addressed; what was sealed for it is gone."""
        clinic = either
        anna = clinic.hold("anna", ANNA)
        clinic.give("anna", ANNA)
        [waiting] = clinic.obligations(kind="transfer")
        decision = clinic.decide(records=[anna])
        clinic.arrive()
        clinic.settle()
        [dropped] = clinic.obligations(kind="transfer")
        assert (dropped["state"], dropped["sealed"]) == ("superseded", None)
        assert clinic.tools.vault.surviving([waiting["key_id"]]) == set()
        assert clinic.processors["mailer"].tasks == []
        assert clinic.outcomes(decision, "mailer") == ["not-addressed"]

    def test_what_was_tried_may_have_arrived_so_the_processor_is_told_to_erase_it(self, clinic: Clinic) -> None:
        """The outcome of a call that timed out is unknown."""
        anna = clinic.hold("anna", ANNA)
        clinic.give("anna", ANNA)
        clinic.processors["mailer"].answers.append(RetryableError("timed out"))
        assert clinic.worker.work()
        clinic.decide(records=[anna])
        clinic.arrive()
        clinic.clock.forward(hours=1)
        clinic.settle()
        assert [task.action for task in clinic.processors["mailer"].tasks] == ["subscribe", "erasure"]

    def test_a_correction_comes_after_what_is_given_and_drops_nothing(self, clinic: Clinic) -> None:
        """In the order in which they came."""
        anna = clinic.hold("anna", ANNA)
        clinic.give("anna", ANNA)
        clinic.decide("correction", [anna])
        clinic.arrive()
        clinic.settle()
        assert [task.action for task in clinic.processors["mailer"].tasks] == ["subscribe", "correction"]

    def test_a_call_under_way_is_waited_out_and_then_undone(self, clinic: Clinic) -> None:
        """The erasure comes while the processor is being given the person: it waits its turn and follows."""
        anna = clinic.hold("anna", ANNA)
        clinic.give("anna", ANNA)

        def meanwhile(_task) -> Done:
            clinic.decide(records=[anna])
            clinic.arrive()
            row = claim_one(clinic.tools)
            while row is not None:
                assert row["processor"] != "mailer"
                row = claim_one(clinic.tools)
            return Done(SEEN)

        clinic.processors["mailer"].answers.append(meanwhile)
        assert clinic.worker.work()
        clinic.clock.now += LEASE
        clinic.settle()
        assert [task.action for task in clinic.processors["mailer"].tasks] == ["subscribe", "erasure"]


def test_nobody_s_name_or_address_stands_in_the_clear_of_an_obligation(clinic: Clinic) -> None:
    """References, ids and what is sealed."""
    clinic.processors["mailer"].answers.append(RetryableError("away"))
    given(clinic)
    clinic.settle()
    with clinic.tools.database.reading() as session:
        rows = session.execute(sa.select(obligations)).mappings().all()
    assert any(row["sealed"] for row in rows)
    assert not any(word in str(dict(row)) for row in rows for word in (ANNA, "0612345678", "Of anna"))


def test_what_is_owed_about_somebody_is_found_without_reading_what_is_owed_about_others(clinic: Clinic) -> None:
    """Every webhook asks it, and what is finished stays for long."""
    asked: list[tuple[str, tuple[object, ...]]] = []
    database = clinic.tools.database

    def keep(_connection: object, _cursor: object, statement: str, values: tuple[object, ...], *_more: object) -> None:
        asked.append((statement, values))

    sa.event.listen(database.engine("read"), "before_cursor_execute", keep)
    with database.reading() as session:
        assert rechecks.erasing(session, "mailer", [clinic.tools.refs.email(ANNA)]) == {}
        statement, values = asked[-1]
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    assert [step.detail for step in plan if "SCAN obligations" in step.detail] == []
    assert "ix_obligations_of_persons (processor=? AND subject=?)" in plan[0].detail
