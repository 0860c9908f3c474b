"""Decisions: exactly who must answer, said until the ledger has it, and obliging nobody twice."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from shared.database import lock_subject
from shared.events import Decision, RecordRef
from shared.messaging import envelope as envelopes
from shared.messaging import inbox as inboxes
from shared.messaging.outbox import stored_event
from shared.messaging.tables import inbox, outbox
from shared.processors.interface import SubjectIdentifiers
from shared.propagation import decisions, giving
from shared.propagation.tables import issued_decisions, obligations, receipts
from shared.settings import SERVICES
from tests.kit.cards import cards

if TYPE_CHECKING:
    from tests.kit.cards import Clinic

ANNA = "anna@example.nl"


def issued(clinic: Clinic) -> list[dict]:
    """What the requests service remembers of the decisions it took."""
    with clinic.installation.tools["requests"].database.reading() as session:
        return [dict(row) for row in session.execute(sa.select(issued_decisions)).mappings()]


def taken(clinic: Clinic) -> Decision:
    """The last decision as it was announced."""
    event = envelopes.read_event(envelopes.read(issued(clinic)[-1]["body"]))
    assert isinstance(event, Decision)
    return event


def sends(clinic: Clinic) -> int:
    """How often a decision was put in the outbox."""
    with clinic.installation.tools["requests"].database.reading() as session:
        query = sa.select(sa.func.count()).where(outbox.c.type.like("discreet.decision.%"))
        return int(session.scalar(query))


def expected(clinic: Clinic) -> set[tuple[str, str | None, str]]:
    """Who must answer, and what is asked of them."""
    return {(each.service, each.processor, each.action) for each in taken(clinic).expected}


class TestWhoMustAnswer:
    """Every own store and every processor that is told of the kind: exactly that, and nobody who does not concern."""

    def test_an_erasure_waits_for_every_service_and_every_processor(self, clinic: Clinic) -> None:
        """Also for who turns out to have nothing."""
        clinic.decide("erasure")
        stores = {(service, None, "erasure") for service in SERVICES}
        processors = {("newsletter", name, "erasure") for name in ("mailer", "archive")}
        assert expected(clinic) == stores | processors

    def test_an_inquiry_waits_for_own_stores_only(self, clinic: Clinic) -> None:
        """Asking a processor whether it knows somebody would be a disclosure."""
        clinic.decide("inquiry", emails=[ANNA])
        assert expected(clinic) == {(service, None, "inquiry") for service in SERVICES}

    def test_the_end_of_a_term_concerns_whose_records_ended(self, clinic: Clinic) -> None:
        """The dossier has nothing to say of a card that is old enough."""
        clinic.decide("term-end", [RecordRef(service="newsletter", category="cards", id="x")])
        assert {service for service, _, _ in expected(clinic)} == {"newsletter"}

    def test_who_is_not_told_of_a_kind_is_not_waited_for(self, clinic: Clinic) -> None:
        """The archive knows no unsubscribe."""
        clinic.decide("unsubscribe", emails=[ANNA])
        assert {name for _, name, _ in expected(clinic) if name} == {"mailer"}

    def test_who_reported_it_is_read_and_not_told_again(self, clinic: Clinic) -> None:
        """It knows; whether it really acted on it is looked at."""
        clinic.decide("unsubscribe", emails=[ANNA], reported_by="mailer")
        assert ("newsletter", "mailer", "read") in expected(clinic)

    def test_a_processor_has_the_time_its_agreement_or_the_policy_gives_it(self, clinic: Clinic) -> None:
        """Whichever is sooner; here seven days against ten."""
        clinic.decide("erasure")
        due = {each.processor: each.due_at - clinic.clock() for each in taken(clinic).expected}
        assert (due["mailer"], due[None]) == (timedelta(days=7), timedelta(days=1))


class TestSaidUntilRegistered:
    """The issuer says it again until the ledger has it, and then no more."""

    def test_a_decision_the_ledger_does_not_have_is_said_again_ever_less_often(self, clinic: Clinic) -> None:
        """The broker's data were lost: nothing comes of it if nobody says it again."""
        clinic.decide("erasure")
        tools = clinic.installation.tools["requests"]
        decisions.say_again(tools, clinic.clock())
        assert sends(clinic) == 1
        times = []
        for _ in range(600):
            clinic.clock.forward(minutes=1)
            before = sends(clinic)
            decisions.say_again(tools, clinic.clock())
            times += [clinic.clock()] * (sends(clinic) - before)
        assert len(times) > 8
        assert times[-1] - times[-2] <= timedelta(hours=1, minutes=2)
        assert {row["sends"] for row in issued(clinic)} == {len(times) + 1}

    def test_a_decision_that_is_nowhere_for_a_year_is_still_said(self, clinic: Clinic) -> None:
        """A thousand times is no number at which anything ends."""
        clinic.decide("erasure")
        tools = clinic.installation.tools["requests"]
        with tools.database.transaction() as session:
            session.execute(sa.update(issued_decisions).values(sends=5000))
        clinic.clock.forward(minutes=1)
        decisions.say_again(tools, clinic.clock())
        assert sends(clinic) == 2

    def test_a_registered_decision_is_not_said_any_more(self, clinic: Clinic) -> None:
        """From then on the ledger watches over it."""
        clinic.decide("erasure")
        clinic.settle()
        clinic.clock.forward(days=30)
        decisions.say_again(clinic.installation.tools["requests"], clinic.clock())
        assert sends(clinic) == 1
        [row] = issued(clinic)
        assert row["registered_at"] is not None
        assert row["next_send_at"] is None

    def test_a_closed_decision_is_noted_so_that_what_was_kept_for_its_sake_can_go(self, clinic: Clinic) -> None:
        """Every answer is there."""
        clinic.decide("erasure", [clinic.hold("anna", ANNA)])
        clinic.installation.mover.move()
        clinic.installation.apply()
        assert issued(clinic)[0]["closed_at"] is None
        decision = clinic.decide("restriction", [clinic.hold("bea", "bea@example.nl")])
        clinic.settle()
        assert clinic.ledger(decision)["state"] == "closed"
        closed = {row["decision"]: row["closed_at"] for row in issued(clinic)}
        assert closed[decision] == clinic.clock()


class TestObligingOnce:
    """However often a decision comes, and in whatever order: one set of obligations, the same receipts."""

    def again(self, clinic: Clinic, service: str = "newsletter") -> None:
        """Deliver every decision once more."""
        with clinic.installation.tools["requests"].database.reading() as session:
            rows = session.execute(sa.select(outbox).where(outbox.c.type.like("discreet.decision.%"))).mappings().all()
        tools = clinic.installation.tools[service]
        with tools.database.transaction() as session:
            inboxes.store(session, [stored_event(row) for row in rows], now=clinic.clock())

    def test_said_again_before_it_is_carried_out_it_obliges_once(self, clinic: Clinic) -> None:
        """Three times over."""
        clinic.decide(records=[clinic.hold("anna", ANNA, given_to=["mailer"])])
        clinic.arrive()
        for _ in range(2):
            self.again(clinic)
            clinic.arrive()
        assert len(clinic.obligations()) == 3
        clinic.settle()
        assert len(clinic.processors["mailer"].tasks) == 1

    def test_said_again_when_all_is_done_the_same_receipts_go_out_byte_for_byte(self, clinic: Clinic) -> None:
        """Nothing is done twice: whoever asks did not get the answer."""
        decision = clinic.decide(records=[clinic.hold("anna", ANNA, given_to=["mailer"])])
        clinic.settle()
        clinic.hold("anna-again", ANNA, given_to=["mailer"])
        with clinic.tools.database.reading() as session:
            before = sorted(session.scalars(sa.select(outbox.c.body).where(outbox.c.type.like("%receipt%"))))
        self.again(clinic)
        clinic.settle()
        with clinic.tools.database.reading() as session:
            after = sorted(session.scalars(sa.select(outbox.c.body).where(outbox.c.type.like("%receipt%"))))
        assert after == sorted(before * 2)
        assert clinic.held() == ["anna-again"]
        assert len(clinic.processors["mailer"].tasks) == 1
        assert clinic.ledger(decision)["state"] == "closed"

    def test_said_again_after_its_traces_ended_it_finds_nothing_to_do(self, clinic: Clinic) -> None:
        """A year later the obligations and receipts are gone; who asked for the newsletter anew is not erased."""
        anna = clinic.hold("anna", ANNA)
        decision = clinic.decide(records=[anna])
        clinic.settle()
        with clinic.tools.database.transaction() as session:
            for table in (inbox, obligations, receipts):
                session.execute(sa.delete(table))
        clinic.hold("anna-again", ANNA)
        self.again(clinic)
        clinic.settle()
        assert clinic.held() == ["anna-again"]
        assert clinic.outcomes(decision) == ["nothing-held"]

    def test_another_decision_under_the_same_id_obliges_nobody_and_is_set_aside_by_the_ledger(
        self, clinic: Clinic
    ) -> None:
        """An id says one thing for ever."""
        anna, bea = clinic.hold("anna", ANNA), clinic.hold("bea", "bea@example.nl")
        decision = clinic.decide(records=[anna])
        clinic.settle()
        other = replace(taken(clinic), records=(bea,))
        tools = clinic.installation.tools["requests"]
        with tools.database.transaction() as session:
            tools.outbox.publish(session, other, now=clinic.clock(), kind="erasure")
        clinic.settle()
        assert clinic.held() == ["bea"]
        assert clinic.ledger(decision)["state"] == "closed"
        with tools.database.reading() as session:
            problems = set(session.scalars(sa.select(inbox.c.problem).where(inbox.c.state != "applied")))
        assert problems == {"IntegrityError"}

    def test_a_form_that_is_being_stored_when_an_unsubscribe_comes_is_found_by_it(self, either: Clinic) -> None:
        """Its transaction holds the person; the obligation waits for it and then sees it."""
        clinic = either
        clinic.hold("anna", ANNA)
        decision = clinic.decide("unsubscribe", emails=[ANNA])
        clinic.arrive()
        ref = clinic.tools.refs.email(ANNA)
        worker = threading.Thread(target=clinic.settle)
        other = clinic.installation._tools("newsletter")
        with other.database.transaction() as session:
            lock_subject(session, [ref])
            worker.start()
            worker.join(0.5)
            values = {"id": "late", "email": ref, "restricted": False, "sealed": b"", "key_id": ""}
            session.execute(sa.insert(cards).values(**values))
        worker.join()
        other.close()
        assert clinic.held() == []
        assert clinic.said(decision)[-1].counts == {"cards": 2}

    def test_what_is_given_of_a_record_when_its_erasure_comes_is_dropped_whatever_address_it_is_under(
        self, either: Clinic
    ) -> None:
        """The decision knows the record and not its address; it waits for who is writing about that person."""
        clinic = either
        anna = clinic.hold("anna", ANNA)
        clinic.decide(records=[anna])
        ref = clinic.tools.refs.email(ANNA)
        worker = threading.Thread(target=clinic.settle)
        other = clinic.installation._tools("newsletter")
        with other.database.transaction() as session:
            lock_subject(session, [ref])
            worker.start()
            worker.join(0.5)
            subject = SubjectIdentifiers(email=ANNA)
            gift = giving.Gift(record="anna", subject=subject, ref=ref)
            giving.give(session, other, "mailer", "subscribe", category="cards", gifts=[gift], now=clinic.clock())
        worker.join()
        other.close()
        assert clinic.held() == []
        assert [task.action for task in clinic.processors["mailer"].tasks] == []
