"""Two things at once about one person: whatever the order, the data are gone and nobody is told too much."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from shared.errors import RetryableError
from shared.processors.interface import Done, evidence_of
from shared.propagation.claiming import LEASE, claim_one
from tests.services.newsletter.desk import ANNA


class Slow:
    """A programme that is in the middle of a call until it is let go; what it did is noted."""

    def __init__(self, fails: bool = False) -> None:
        self.did: list[str] = []
        self.begun, self.go_on = Event(), Event()
        self._fails = fails

    def carry_out(self, task):
        if task.action == "subscribe":
            self.begun.set()
            assert self.go_on.wait(10)
            if self._fails:
                raise RetryableError("no answer")
        self.did.append(task.action)
        return Done(evidence_of("api-confirmed", {}))


def test_a_webhook_between_our_deletion_and_the_programme_s_leaves_a_digest_and_a_re_check(anywhere) -> None:
    """While an erasure is under way nothing of the person is written again, and the programme is read once more."""
    subscription = anywhere.subscribe()
    anywhere.stage.behave("laposta", "fail")
    erasure = anywhere.decide("erasure", refs=[subscription.ref], records=[subscription.id])
    anywhere.settle()
    assert anywhere.rows() == []  # gone here
    assert anywhere.members() == {ANNA: "active"}  # and not yet there
    anywhere.clock.forward(minutes=5)
    assert anywhere.post([anywhere.item(ANNA)]).status_code == 200
    assert (anywhere.rows(), anywhere.decisions()) == ([], [])
    assert anywhere.count("webhook_deliveries") == 1
    (recheck,) = anywhere.obligations(kind="recheck")
    anywhere.stage.behave("laposta", "normal")
    anywhere.clock.forward(minutes=40)
    anywhere.settle()
    assert anywhere.members() == {}
    assert anywhere.receipts(erasure)["laposta"].outcome == "done"
    (after,) = anywhere.obligations(id=recheck["id"])
    assert (after["state"], after["sealed"], after["key_id"]) == ("finished", None, None)
    assert anywhere.tools.vault.surviving([recheck["key_id"]]) == set()


def test_a_person_the_programme_makes_anew_during_an_erasure_is_erased_again(newsletter) -> None:
    """The re-check is not only a look: what has come back goes."""
    subscription = newsletter.subscribe()
    newsletter.stage.behave("laposta", "fail", times=1)
    newsletter.decide("erasure", refs=[subscription.ref], records=[subscription.id])
    newsletter.settle()
    newsletter.post([newsletter.item(ANNA, event="subscribed", action="resubscribed")])
    newsletter.clock.forward(minutes=40)
    worker = newsletter.worker()
    assert worker.work()  # the erasure itself
    assert newsletter.members() == {}
    newsletter.provider.subscribe(ANNA, "Anna", reactivate=True)  # somebody there imports an old list
    assert worker.work()  # the re-check
    assert newsletter.members() == {}


def test_who_was_given_an_earlier_subscription_is_told_to_erase_the_one_that_took_its_place(newsletter) -> None:
    """The programme has the person still, though it was never given the new subscription."""
    newsletter.subscribe()
    newsletter.end_agreement()
    newsletter.unsubscribe()
    newsletter.settle()
    assert newsletter.members() == {ANNA: "unsubscribed"}
    newsletter.clock.forward(days=1)
    newsletter.sign_up()
    newsletter.confirm()
    (renewed,) = newsletter.rows()
    erasure = newsletter.decide("erasure", refs=[renewed.ref], records=[renewed.id])
    newsletter.clock.forward(hours=2)
    newsletter.settle()
    assert newsletter.receipts(erasure)["laposta"].outcome == "done"
    assert newsletter.members() == {}


def test_a_subscribe_in_flight_when_an_erasure_arrives_is_waited_out_and_then_erased(anywhere) -> None:
    """The erasure is carried out after the call that was under way, never before it."""
    slow = Slow()
    anywhere.face(slow)
    anywhere.sign_up()
    anywhere.confirm()
    (row,) = anywhere.rows()
    with ThreadPoolExecutor() as threads:
        giving = threads.submit(anywhere.worker().work)
        assert slow.begun.wait(10)
        anywhere.decide("erasure", refs=[row.ref], records=[row.id])
        anywhere.settle()
        assert anywhere.rows() == []
        assert slow.did == []
        slow.go_on.set()
        assert giving.result(10)
    anywhere.settle()
    assert slow.did == ["subscribe", "erasure"]


def test_a_subscribe_that_fails_while_an_erasure_waits_is_not_tried_again(anywhere) -> None:
    """After the decision nobody is given any more, and the erasure does not wait for a further attempt."""
    slow = Slow(fails=True)
    anywhere.face(slow)
    anywhere.sign_up()
    anywhere.confirm()
    (row,) = anywhere.rows()
    with ThreadPoolExecutor() as threads:
        giving = threads.submit(anywhere.worker().work)
        assert slow.begun.wait(10)
        anywhere.decide("erasure", refs=[row.ref], records=[row.id])
        anywhere.settle()
        slow.go_on.set()
        assert giving.result(10)
    anywhere.settle()
    assert slow.did == ["erasure"]
    assert [each["state"] for each in anywhere.obligations(kind="transfer")] == ["superseded"]


def test_a_subscribe_whose_process_died_is_not_taken_up_after_an_erasure(newsletter) -> None:
    """The lease is waited out, since the call may have arrived; then the erasure goes, and the subscribe does not."""
    newsletter.sign_up()
    newsletter.confirm()
    (row,) = newsletter.rows()
    assert claim_one(newsletter.tools)  # and then nothing more is heard of this process
    newsletter.decide("erasure", refs=[row.ref], records=[row.id])
    newsletter.settle()
    assert newsletter.calls() == []
    newsletter.clock.forward(seconds=LEASE.total_seconds() + 1)
    newsletter.settle()
    assert newsletter.calls("POST") == []
    assert newsletter.members() == {}


def test_a_correction_follows_what_is_still_to_be_given_and_does_not_drop_it(newsletter) -> None:
    """Only what ends a subscription drops a transfer that waits."""
    newsletter.sign_up()
    newsletter.confirm()
    (row,) = newsletter.rows()
    newsletter.decide("correction", refs=[row.ref], records=[row.id])
    newsletter.installation.mover.move()
    newsletter.installation.apply()
    assert [each["state"] for each in newsletter.obligations(kind="transfer")] == ["open"]
    while newsletter.worker().work():
        pass
    assert newsletter.members() == {ANNA: "active"}


def test_the_erasure_of_an_ended_subscription_goes_before_the_renewed_one_is_given(newsletter) -> None:
    """The two are different records of one person, and the programme knows them by one address."""
    old = newsletter.subscribe()
    newsletter.unsubscribe()
    newsletter.settle()
    newsletter.stage.behave("laposta", "fail")
    newsletter.decide("erasure", refs=[old.ref], records=[old.id])
    newsletter.settle()
    newsletter.clock.forward(hours=2)
    newsletter.sign_up()
    newsletter.confirm()
    newsletter.settle()
    newsletter.stage.behave("laposta", "normal")
    newsletter.clock.forward(hours=2)
    newsletter.settle()
    assert [row.state for row in newsletter.rows()] == ["confirmed"]
    assert newsletter.members() == {ANNA: "active"}
    methods = [call.split()[0] for call in newsletter.calls() if "/member" in call]
    assert methods.index("DELETE") < len(methods) - 1 - methods[::-1].index("POST")


def test_a_confirmation_after_an_erasure_finds_nothing(newsletter) -> None:
    """The link in an old mail brings nobody back."""
    newsletter.sign_up()
    (row,) = newsletter.rows()
    link = newsletter.link("confirm")
    newsletter.decide("erasure", refs=[row.ref], records=[row.id])
    newsletter.settle()
    assert newsletter.client.post(link).status_code == 404
    assert newsletter.rows() == []


def test_a_yes_while_an_erasure_is_under_way_gives_nobody_anything_anew(anywhere) -> None:
    """From the decision's arrival the link is as good as gone: what it gave would outlive the erasure."""
    subscription = anywhere.subscribe()
    anywhere.clock.forward(hours=2)
    anywhere.sign_up()
    link = anywhere.link("confirm")
    anywhere.decide("erasure", refs=[subscription.ref], records=[subscription.id])
    anywhere.arrive()
    assert anywhere.client.post(link).status_code == 404
    anywhere.settle()
    assert (anywhere.rows(), anywhere.members()) == ([], {})


@pytest.mark.parametrize("kind", ["unsubscribe", "withdrawal", "objection"])
@pytest.mark.parametrize("arrives", ["before the yes", "after the yes"])
def test_a_yes_after_a_no_that_is_still_under_way_counts_here_and_at_the_programme(newsletter, kind, arrives) -> None:
    """The last that a person says counts, whichever kind of decision is late, and both sides agree on it."""
    subscription = newsletter.subscribe()
    newsletter.clock.forward(hours=2)
    newsletter.sign_up()
    records = [] if kind == "unsubscribe" else [subscription.id]
    newsletter.decide(kind, refs=[subscription.ref], records=records)
    if arrives == "before the yes":
        newsletter.arrive()
    newsletter.clock.forward(minutes=1)
    newsletter.confirm()
    newsletter.settle()
    assert [row.state for row in newsletter.rows()] == ["confirmed"]
    assert newsletter.members() == {ANNA: "active"}


@pytest.mark.parametrize("times", [12])
def test_sign_ups_of_one_address_at_once_make_one_subscription_and_one_mail(anywhere, times) -> None:
    """On both databases: the second waits for the first and sees it."""
    with ThreadPoolExecutor(6) as threads:
        answers = list(threads.map(lambda _: anywhere.visit().status_code, range(times)))
    assert answers == [202] * times
    assert len(anywhere.rows()) == 1
    assert len(anywhere.mails()) == 1


def test_clicks_at_once_give_the_person_once(anywhere) -> None:
    """On both databases: twelve presses of the button are one consent, twelve unsubscribes one decision."""
    anywhere.sign_up()
    confirm, unsubscribe = anywhere.link("confirm"), anywhere.link("unsubscribe")
    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(lambda _: anywhere.visit(confirm).status_code, range(12))) == {200}
    assert (anywhere.rows()[0].version, len(anywhere.obligations(kind="transfer"))) == (2, 1)
    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(lambda _: anywhere.visit(unsubscribe).status_code, range(12))) == {200}
    assert len(anywhere.decisions()) == 1
