"""An own store: rows, keys, a second count, a receipt; whatever crashes in between, it ends the same."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from shared.events import RecordRef, RetainedPart
from shared.mail import OutgoingMail, outgoing_mails
from shared.messaging.parked import retry
from shared.propagation import own_store
from shared.propagation.claiming import claim_own
from shared.propagation.tables import tombstones
from shared.propagation.tombs import was_erased
from tests.kit.cards import cards

if TYPE_CHECKING:
    from tests.kit.cards import Clinic

ANNA, PHONE = "anna@example.nl", "0612345678"


class PowerCutError(BaseException):
    """The process ends here."""


def cut() -> None:
    """End the process."""
    raise PowerCutError


def own(clinic: Clinic, decision: str) -> dict:
    """The newsletter's obligation for its own store."""
    [row] = clinic.obligations(decision=decision, processor="")
    return row


def test_p76_an_erasure_removes_the_rows_then_the_keys_and_counts_both_again(either: Clinic) -> None:
    """What was confirmed is gone, its keys open nothing any more, and the receipt says how that is known."""
    anna = either.hold("anna", ANNA)
    either.hold("bea", "bea@example.nl")
    keys = either.keys()
    decision = either.decide(records=[anna])
    either.settle()
    assert either.held() == ["bea"]
    assert either.tools.vault.surviving([keys["anna"], keys["bea"]]) == {keys["bea"]}
    [receipt] = either.said(decision)
    assert (receipt.outcome, receipt.counts) == ("done", {"cards": 1})
    assert receipt.evidence is not None
    assert receipt.evidence.grade == "recounted"
    assert '"left":{"cards":0}' in receipt.evidence.document
    assert '"keys_destroyed":1' in receipt.evidence.document
    assert "anna" not in receipt.evidence.document


def test_two_clients_with_one_telephone_and_one_address_are_two_clients(either: Clinic) -> None:
    """A mother and her daughter: the erasure of one leaves the other as she is, at home and at the processor."""
    mother = either.hold("mother", "familie@example.nl", PHONE, given_to=["mailer"])
    either.hold("daughter", "familie@example.nl", PHONE, given_to=["mailer"])
    before = either.keys()
    decision = either.decide(records=[mother], emails=["familie@example.nl"], phones=[PHONE])
    either.settle()
    assert either.held() == ["daughter"]
    assert either.keys() == {"daughter": before["daughter"]}
    assert either.tools.vault.surviving(before.values()) == {before["daughter"]}
    with either.tools.database.reading() as session:
        assert list(session.scalars(sa.select(tombstones.c.record))) == ["mother"]
    [task] = either.processors["mailer"].tasks
    assert task.records == {"cards": ["mother"]}
    assert [staying.category for staying in task.stays] == ["cards"]
    assert either.ledger(decision)["state"] == "closed"


def test_a_tombstone_stays_by_number_and_keeps_the_address_only_as_a_reference(clinic: Clinic) -> None:
    """Late events find that it was here and is gone; an import finds the address taken."""
    clinic.settle()
    decision = clinic.decide(records=[clinic.hold("anna", ANNA)])
    clinic.settle()
    with clinic.tools.database.reading() as session:
        [stone] = session.execute(sa.select(tombstones)).mappings()
        assert (was_erased(session, "anna"), was_erased(session, "bea")) == (True, False)
    assert (stone["record"], stone["decision"], stone["ref"]) == ("anna", decision, clinic.tools.refs.email(ANNA))


class TestCrashes:
    """The process ends at any step; the next one goes on from there and the answer is the same."""

    def crash(self, clinic: Clinic) -> str:
        """Erase Anna, and lose the process; her lease runs out."""
        decision = clinic.decide(records=[clinic.hold("anna", ANNA)])
        clinic.arrive()
        with pytest.raises(PowerCutError):
            clinic.settle()
        clinic.clock.forward(hours=1)
        return decision

    def ends_well(self, clinic: Clinic, decision: str, key: str) -> None:
        """Everything is gone, and one receipt says so truly."""
        clinic.cards.before_commit = lambda: None
        clinic.settle()
        assert clinic.held() == []
        assert clinic.tools.vault.surviving([key]) == set()
        [receipt] = clinic.said(decision)
        assert (receipt.outcome, receipt.counts) == ("done", {"cards": 1})
        assert receipt.evidence is not None
        assert '"keys_destroyed":1' in receipt.evidence.document

    def test_before_the_rows_are_committed(self, clinic: Clinic) -> None:
        """Nothing happened: not half of it."""
        clinic.cards.before_commit = cut
        decision = self.crash(clinic)
        assert clinic.held() == ["anna"]
        assert own(clinic, decision)["stage"] is None
        self.ends_well(clinic, decision, clinic.keys()["anna"])

    @pytest.mark.parametrize("stage", ["destroy", "count"])
    def test_after_the_rows_or_after_the_keys(self, clinic: Clinic, stage: str) -> None:
        """What was done is not forgotten: the keys are still known, and the counts are those of the first time."""
        clinic.hold("anna", ANNA)
        key = clinic.keys()["anna"]
        decision = clinic.decide(records=[RecordRef(service="newsletter", category="cards", id="anna")])
        clinic.arrive()
        service, tools = clinic.installation.services["newsletter"], clinic.tools
        rows = claim_own(clinic.tools)
        vault = Cutting(tools.vault, after=stage == "count")
        with pytest.raises(PowerCutError):
            own_store.carry_out(service, replace(tools, vault=vault), rows)  # type: ignore[arg-type]
        assert clinic.held() == []
        assert own(clinic, decision)["stage"] == "destroy"
        clinic.clock.forward(hours=1)
        self.ends_well(clinic, decision, key)

    def test_before_the_receipt(self, clinic: Clinic) -> None:
        """Everything is done and counted, and nobody was told: it is counted and told."""
        clinic.hold("anna", ANNA)
        key = clinic.keys()["anna"]
        decision = clinic.decide(records=[RecordRef(service="newsletter", category="cards", id="anna")])
        clinic.arrive()
        rows = claim_own(clinic.tools)
        own_store.carry_out(clinic.installation.services["newsletter"], clinic.tools, rows)
        assert own(clinic, decision)["stage"] == "count"
        assert clinic.said(decision) == []
        clinic.clock.forward(hours=1)
        self.ends_well(clinic, decision, key)


class Cutting:
    """A vault at which the process ends: before the keys are destroyed, or just after."""

    def __init__(self, vault, *, after: bool) -> None:
        self._vault, self._after = vault, after

    def destroy(self, key_ids) -> int:
        if self._after:
            self._vault.destroy(key_ids)
        raise PowerCutError


def test_a_second_count_that_finds_something_is_told_and_the_erasure_done_again(clinic: Clinic) -> None:
    """A service that overlooks a row says ``failed`` and goes on trying; nobody is told that it is done."""
    anna, bea = clinic.hold("anna", ANNA), clinic.hold("bea", ANNA)
    key = clinic.keys()["bea"]
    clinic.cards.overlooks = {"bea"}
    decision = clinic.decide(records=[anna, bea])
    clinic.settle()
    assert clinic.outcomes(decision) == ["failed"]
    assert str(clinic.said(decision)[0].ground).startswith("StillPresentError: ")
    assert clinic.ledger(decision)["state"] == "open"
    clinic.clock.forward(hours=1)
    clinic.settle()
    assert clinic.outcomes(decision) == ["failed"], "the same trouble is told of once"
    clinic.cards.overlooks = set()
    clinic.clock.forward(hours=1)
    clinic.settle()
    assert clinic.held() == []
    assert clinic.tools.vault.surviving([key]) == set()
    assert clinic.outcomes(decision) == ["failed", "done"]
    assert clinic.said(decision)[-1].counts == {"cards": 2}
    assert clinic.ledger(decision)["state"] == "closed"


def test_records_that_are_gone_already_were_not_held(clinic: Clinic) -> None:
    """A second decision about the same records: true is that nothing was there, not that something was done."""
    anna = clinic.hold("anna", ANNA)
    clinic.decide(records=[anna])
    clinic.settle()
    again = clinic.decide(records=[anna])
    clinic.settle()
    assert clinic.outcomes(again) == ["nothing-held"]


def test_a_service_without_any_of_it_says_so(clinic: Clinic) -> None:
    """All four answer, each for itself."""
    decision = clinic.decide(records=[clinic.hold("anna", ANNA)])
    clinic.settle()
    answers = {each["service"]: each["outcome"] for each in clinic.ledger(decision)["answers"] if not each["processor"]}
    assert answers == {
        "newsletter": "done",
        "intake": "nothing-held",
        "dossier": "nothing-held",
        "requests": "nothing-held",
    }


def test_what_a_decision_expressly_leaves_is_in_the_receipt_with_its_ground(clinic: Clinic) -> None:
    """Retained is an answer too, and it is never called done."""
    anna, invoice = clinic.hold("anna", ANNA), clinic.hold("invoice", ANNA)
    part = RetainedPart(service="newsletter", category="cards", id=invoice.id, ground="fiscal-retention")
    decision = clinic.decide(records=[anna], retained=[part])
    clinic.settle()
    assert clinic.held() == ["invoice"]
    [receipt] = clinic.said(decision)
    assert (receipt.outcome, receipt.retained) == ("retained", (part,))


def test_a_kind_the_store_cannot_carry_out_is_unsupported_and_done_after_an_upgrade(clinic: Clinic) -> None:
    """Not terminal and visible; tried again with a release that can, it really acts."""
    anna = clinic.hold("anna", ANNA)
    decision = clinic.decide("correction", [anna])
    clinic.settle()
    assert clinic.outcomes(decision) == ["unsupported"]
    assert (own(clinic, decision)["state"], clinic.ledger(decision)["state"]) == ("parked", "open")
    holding = clinic.cards.holding()
    newer = replace(holding, acts={**holding.acts, "correction": holding.acts["restriction"]})
    services = dict(clinic.installation.services)
    services["newsletter"] = replace(services["newsletter"], holdings=(newer,))
    clinic.installation.services = services
    with clinic.tools.database.transaction() as session:
        retry(session, "obligation", own(clinic, decision)["id"], clinic.clock())
    clinic.settle()
    assert clinic.outcomes(decision) == ["unsupported", "done"]
    with clinic.tools.database.reading() as session:
        assert session.scalar(sa.select(cards.c.restricted)) is True


def test_an_unsubscribe_takes_what_its_references_find_when_it_is_carried_out(clinic: Clinic) -> None:
    """Also what was being stored while the decision was on its way."""
    clinic.hold("anna", ANNA)
    decision = clinic.decide("unsubscribe", emails=[ANNA])
    clinic.arrive()
    clinic.hold("late", ANNA)
    clinic.settle()
    assert clinic.held() == []
    assert clinic.said(decision)[0].counts == {"cards": 2}


def test_an_inquiry_counts_and_names_records_and_changes_nothing(clinic: Clinic) -> None:
    """Candidates for a person to look at, over the telephone number as well."""
    clinic.hold("anna", ANNA, PHONE)
    clinic.hold("other", "bea@example.nl", PHONE)
    decision = clinic.decide("inquiry", emails=[ANNA], phones=[PHONE])
    clinic.settle()
    [receipt] = clinic.said(decision)
    assert (receipt.outcome, receipt.counts) == ("done", {"cards": 2})
    assert [record.id for record in receipt.found] == ["anna", "other"]
    assert clinic.held() == ["anna", "other"]
    assert clinic.processors["mailer"].tasks == clinic.processors["archive"].tasks == []


def test_a_decision_other_than_an_unsubscribe_and_an_inquiry_never_goes_by_an_address(clinic: Clinic) -> None:
    """Refs find, people confirm: without a confirmed record nothing is erased."""
    clinic.hold("anna", ANNA, PHONE)
    for kind in ("erasure", "restriction", "objection", "withdrawal", "portability"):
        decision = clinic.decide(kind, emails=[ANNA], phones=[PHONE])
        clinic.settle()
        assert clinic.outcomes(decision) == ["nothing-held"], kind
    assert clinic.held() == ["anna"]


def test_p76_a_mail_that_still_waits_is_taken_back_with_what_it_is_about(clinic: Clinic) -> None:
    """Its content names the person."""
    anna = clinic.hold("anna", ANNA)
    mail = OutgoingMail(reason="legal", about="anna", to=ANNA, subject="x", text="Dag Anna")
    with clinic.tools.database.transaction() as session:
        clinic.tools.mail.queue(session, mail, now=clinic.clock())
        key = session.scalar(sa.select(outgoing_mails.c.key_id))
    clinic.decide(records=[anna])
    clinic.settle()
    with clinic.tools.database.reading() as session:
        assert session.execute(sa.select(outgoing_mails.c.state, outgoing_mails.c.sealed)).one() == ("withdrawn", None)
    assert clinic.tools.vault.surviving([key]) == set()


def test_a_lease_that_was_lost_undoes_what_was_not_committed(clinic: Clinic) -> None:
    """A process that stood still wakes when another has its obligation: it does not write over what that one knows."""
    anna = clinic.hold("anna", ANNA)
    key = clinic.keys()["anna"]
    decision = clinic.decide(records=[anna])
    clinic.arrive()
    asleep = claim_own(clinic.tools)
    clinic.clock.forward(hours=1)
    clinic.settle()
    stage = own(clinic, decision)
    with pytest.raises(own_store.TakenOverError):
        own_store.carry_out(clinic.installation.services["newsletter"], clinic.tools, asleep)
    assert own(clinic, decision) == stage
    assert clinic.outcomes(decision) == ["done"]
    assert clinic.tools.vault.surviving([key]) == set()
