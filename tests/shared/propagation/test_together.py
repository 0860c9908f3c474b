"""Many obligations of an own store go through their stages together, and each ends as it would have ended alone."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from shared.propagation import own_store
from shared.propagation.claiming import LEASE, claim_one, claim_own

if TYPE_CHECKING:
    from shared.events import DecisionKind, RecordRef
    from tests.kit.cards import Clinic

NAMES = ("anna", "bea", "cor", "dirk", "els")


class PowerCutError(BaseException):
    """The process ends here."""


def hold(clinic: Clinic) -> list[RecordRef]:
    """Five people, each with a card."""
    return [clinic.hold(name, f"{name}@example.nl") for name in NAMES]


def decide(clinic: Clinic, cards: list[RecordRef], kind: DecisionKind = "erasure") -> list[str]:
    """Decide about each of them, and let all of it arrive."""
    decisions = [clinic.decide(kind, [card]) for card in cards]
    clinic.arrive()
    return decisions


def carry_out(clinic: Clinic, rows: list) -> list:
    """Go through the stages of these."""
    return own_store.carry_out(clinic.installation.services["newsletter"], clinic.tools, rows)


def redone(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Why batches were redone one by one: the way back would hide that the way of many does not work."""
    return [record.fields["because"] for record in caplog.records if "one by one" in record.message]


@pytest.fixture(autouse=True)
def _told_of_batches(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


def test_many_erasures_end_each_with_its_own_receipt(either: Clinic, caplog: pytest.LogCaptureFixture) -> None:
    """Rows, keys, count and receipt of five at once; none of them is redone alone."""
    cards = hold(either)
    keys = either.keys()
    decisions = decide(either, cards)
    either.settle()
    assert redone(caplog) == []
    assert [either.outcomes(each) for each in decisions] == [["done"]] * 5
    assert [either.said(each)[0].counts for each in decisions] == [{"cards": 1}] * 5
    assert all('"keys_destroyed":1' in either.said(each)[0].evidence.document for each in decisions)
    assert either.held() == []
    assert either.tools.vault.surviving(keys.values()) == set()


def test_many_take_as_few_commits_as_one(either: Clinic) -> None:
    """Claimed, acted, keys destroyed, counted; on SQLite a busy machine may cut a stage at 20 ms."""
    decide(either, hold(either))
    commits: list[object] = []
    for database in (either.tools.database, either.tools.key_database):
        sa.event.listen(database.engine(), "commit", commits.append)
    carry_out(either, claim_own(either.tools))
    assert len(commits) == 4 or either.tools.database.dialect == "sqlite"


def test_inquiries_and_unsubscribes_by_references_find_each_their_own(
    either: Clinic, caplog: pytest.LogCaptureFixture
) -> None:
    """One question to the database for all of them, and nobody gets what another's reference finds."""
    hold(either)
    either.hold("anna2", "anna@example.nl")
    asked = {name: either.decide("inquiry", emails=[f"{name}@example.nl"]) for name in NAMES}
    either.settle()
    found = {name: [record.id for record in either.said(each)[0].found] for name, each in asked.items()}
    assert found == {name: [name] for name in NAMES} | {"anna": ["anna", "anna2"]}
    ended = [either.decide("unsubscribe", emails=[f"{name}@example.nl"]) for name in NAMES[:3]]
    either.settle()
    assert [either.said(each)[0].counts for each in ended] == [{"cards": 2}, {"cards": 1}, {"cards": 1}]
    assert either.held() == ["dirk", "els"]
    assert redone(caplog) == []


def test_one_that_goes_wrong_holds_up_no_other(clinic: Clinic, caplog: pytest.LogCaptureFixture) -> None:
    """A row that is overlooked is its own decision's trouble; the others are done, and counted once."""
    cards = hold(clinic)
    clinic.cards.overlooks = {"cor"}
    decisions = decide(clinic, cards)
    clinic.settle()
    assert redone(caplog) == ["StillPresentError"]
    assert [clinic.outcomes(each)[-1] for each in decisions] == ["done", "done", "failed", "done", "done"]
    assert [clinic.said(each)[0].counts for each in decisions if each != decisions[2]] == [{"cards": 1}] * 4
    clinic.cards.overlooks = set()
    clinic.clock.forward(hours=1)
    clinic.settle()
    assert clinic.outcomes(decisions[2]) == ["failed", "done"]


def test_two_decisions_about_one_record_are_told_apart(either: Clinic, caplog: pytest.LogCaptureFixture) -> None:
    """The first erased it, the second found nothing: nobody is told that it was done twice."""
    cards = hold(either)
    decisions = decide(either, [*cards, cards[0]])
    either.settle()
    if either.tools.database.dialect == "postgresql":  # on SQLite the first of a batch is tried for its pace
        assert redone(caplog) == ["EntangledError"]
    assert [either.outcomes(each)[-1] for each in decisions] == [*["done"] * 5, "nothing-held"]


def test_kinds_are_carried_out_in_the_order_in_which_they_came(clinic: Clinic, caplog) -> None:
    """A restriction and then an erasure of the same people: both are done, because the first came first."""
    cards = hold(clinic)
    first, then = decide(clinic, cards, "restriction"), decide(clinic, cards)
    clinic.settle()
    assert redone(caplog) == []
    assert [clinic.outcomes(each) for each in (*first, *then)] == [["done"]] * 10
    assert clinic.held() == []


def test_a_kind_the_store_cannot_carry_out_is_set_aside_alone(clinic: Clinic) -> None:
    """Among others that it can."""
    cards = hold(clinic)
    decisions = [*decide(clinic, cards[:2]), *decide(clinic, cards[2:], "correction")]
    clinic.settle()
    assert [clinic.outcomes(each)[-1] for each in decisions] == ["done", "done", *["unsupported"] * 3]
    assert {row["state"] for row in clinic.obligations(processor="", kind="correction")} == {"parked"}


class TestCrashes:
    """The process ends in the middle of many."""

    @pytest.mark.parametrize("after", [False, True])
    def test_what_was_done_is_not_forgotten(self, clinic: Clinic, after: bool) -> None:
        """Before or after the keys: the counts are those of the first time, and every key is gone."""
        cards = hold(clinic)
        keys = clinic.keys()
        decisions = decide(clinic, cards)

        class Cutting:
            def destroy(self, key_ids) -> int:
                if after:
                    clinic.tools.vault.destroy(key_ids)
                raise PowerCutError

        rows = claim_own(clinic.tools)
        with pytest.raises(PowerCutError):
            own_store.carry_out(
                clinic.installation.services["newsletter"],
                replace(clinic.tools, vault=Cutting()),  # type: ignore[arg-type]
                rows,
            )
        clinic.clock.forward(hours=1)
        clinic.settle()
        assert [clinic.said(each)[0].counts for each in decisions] == [{"cards": 1}] * 5
        assert all('"keys_destroyed":1' in clinic.said(each)[0].evidence.document for each in decisions)
        assert clinic.tools.vault.surviving(keys.values()) == set()

    def test_what_once_took_its_process_along_goes_alone(self, clinic: Clinic) -> None:
        """Whichever of them it was: the others do not go along with it a second time."""
        decide(clinic, hold(clinic))
        assert len(claim_own(clinic.tools)) == 5
        clinic.clock.now += LEASE * 1.1
        assert claim_own(clinic.tools) == []
        row = claim_one(clinic.tools)
        assert row is not None
        assert (row["processor"], row["attempts"]) == ("", 2)

    def test_one_that_another_took_over_undoes_the_whole_stage(self, clinic: Clinic) -> None:
        """Nothing that is not ours is written over, also where the others still are ours."""
        decide(clinic, hold(clinic))
        asleep = claim_own(clinic.tools)
        clinic.clock.now += LEASE * 1.1
        assert claim_one(clinic.tools) is not None
        before = clinic.obligations(processor="")
        with pytest.raises(own_store.TakenOverError):
            carry_out(clinic, asleep)
        assert clinic.obligations(processor="") == before
        assert len(clinic.held()) == 5
