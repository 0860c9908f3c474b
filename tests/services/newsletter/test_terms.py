"""How long data stay: as long as somebody is subscribed, and never a calendar month longer."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.failpoints import DIED
from tests.services.newsletter.desk import ANNA


def test_p36_an_unconfirmed_sign_up_is_gone_after_a_week(newsletter) -> None:
    """Row and key go, without a decision: nobody outside ever had anything of it."""
    newsletter.sign_up()
    key = newsletter.rows()[0].key_id
    newsletter.clock.forward(days=6, hours=23)
    newsletter.run_job("expire unconfirmed")
    assert len(newsletter.rows()) == 1
    newsletter.clock.forward(hours=2)
    newsletter.run_job("expire unconfirmed")
    assert newsletter.rows() == []
    assert newsletter.tools.vault.surviving([key]) == set()
    assert newsletter.decisions("term-end") == []


def test_p36_many_unconfirmed_sign_ups_go_in_one_run(newsletter) -> None:
    """More than one transaction's worth."""
    for number in range(450):
        newsletter.sign_up(f"robot{number}@voorbeeld.example")
    newsletter.clock.forward(days=8)
    newsletter.run_job("expire unconfirmed")
    assert newsletter.rows() == []


def test_a_mail_that_is_not_sent_yet_goes_with_its_sign_up(newsletter) -> None:
    """A mail server that is down for a week does not mail whoever was erased since."""
    newsletter.sign_up()
    newsletter.clock.forward(days=8)
    newsletter.run_job("expire unconfirmed")
    assert newsletter.mails() == []


def test_p36_a_subscription_stays_as_long_as_it_lasts(newsletter) -> None:
    """Ten years later it is still there, here and at the programme."""
    newsletter.subscribe()
    newsletter.clock.forward(days=3653)
    for job in newsletter.installation.services["newsletter"].jobs:
        job.run(newsletter.tools, newsletter.clock())
    newsletter.settle()
    assert newsletter.rows()[0].state == "confirmed"
    assert newsletter.members() == {ANNA: "active"}


def test_p37_data_is_gone_within_a_calendar_month(either) -> None:
    """Ended on 31 January, gone by 28 February: here and at the programme, and the receipts say so."""
    either.clock.now = datetime(2027, 1, 31, 22, 30, tzinfo=UTC)
    subscription = either.subscribe()
    either.unsubscribe()
    either.settle()
    either.clock.now = datetime(2027, 2, 27, 12, 0, tzinfo=UTC)
    either.run_job("end the terms of ended")
    either.settle()
    assert (either.rows(), either.members()) == ([], {})
    (decision,) = either.decisions("term-end")
    assert (decision.ground, decision.decided_by) == ("newsletter.ended", "policy")
    receipts = either.receipts(decision.decision)
    assert (receipts[None].outcome, receipts[either.programme].outcome) == ("done", either.erased)
    assert receipts[either.programme].evidence.grade == "re-read"
    assert either.tools.vault.surviving([subscription.key_id]) == set()


def test_p37_a_programme_that_only_puts_away_what_it_deletes_is_not_believed_to_be_done(mailerlite) -> None:
    """MailerLite takes thirty days: the receipt says until when, and staff still see that it has the person."""
    mailerlite.clock.now = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)
    subscription = mailerlite.subscribe()
    decision = mailerlite.decide("erasure", refs=[subscription.ref], records=[subscription.id])
    mailerlite.settle()
    receipt = mailerlite.receipts(decision)["mailerlite"]
    assert (receipt.outcome, receipt.ground, receipt.counts) == ("retained", "erased-later", {"subscriptions": 1})
    (kept,) = receipt.retained
    assert (kept.id, kept.ground) == (subscription.id, "erased-later")
    # It says 2 March, by its own clock: the day after is the first on which nothing is left.
    assert kept.until == datetime(2027, 3, 3, tzinfo=UTC)


def test_p37_a_day_that_was_lost_with_the_process_is_not_said_to_be_none(mailerlite) -> None:
    """It died between MailerLite's answer and our note of it: what is then known is the last day that it can be."""
    mailerlite.clock.now = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)
    subscription = mailerlite.subscribe()
    decision = mailerlite.decide("erasure", refs=[subscription.ref], records=[subscription.id])
    assert mailerlite.settle_and_die("adapter.called") == DIED
    assert mailerlite.members() == {}
    mailerlite.clock.forward(hours=13)
    mailerlite.settle()
    assert len([call for call in mailerlite.calls("POST") if call.endswith("/forget")]) == 1
    receipt = mailerlite.receipts(decision)["mailerlite"]
    assert (receipt.outcome, receipt.ground, receipt.counts) == ("retained", "erased-later", {"subscriptions": 0})
    assert receipt.retained[0].until == datetime(2027, 3, 4, tzinfo=UTC)
    assert '{"call":"erasure in an earlier attempt","status":"unknown"}' in receipt.evidence.document


def test_p37_the_term_is_decided_long_before_the_month_is_over(newsletter) -> None:
    """Three days after the end: there is time left for a programme that is slow, and for us to be away."""
    newsletter.clock.now = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)
    newsletter.subscribe()
    newsletter.unsubscribe()
    newsletter.settle()
    newsletter.clock.now = datetime(2027, 2, 3, 11, 59, tzinfo=UTC)
    newsletter.run_job("end the terms of ended")
    assert newsletter.decisions("term-end") == []
    newsletter.clock.now = datetime(2027, 2, 3, 12, 0, tzinfo=UTC)
    newsletter.run_job("end the terms of ended")
    (decision,) = newsletter.decisions("term-end")
    assert max(each.due_at for each in decision.expected) < datetime(2027, 2, 28, tzinfo=UTC)


def test_p37_jobs_that_were_down_for_a_week_catch_up_in_time(newsletter) -> None:
    """The first run after the pause decides everything that was due, and the month still holds."""
    newsletter.clock.now = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)
    for name in ("anna", "bert", "cas"):
        newsletter.subscribe(f"{name}@voorbeeld.example")
        newsletter.unsubscribe(f"{name}@voorbeeld.example")
    newsletter.settle()
    newsletter.clock.now = datetime(2027, 2, 10, 12, 0, tzinfo=UTC)
    newsletter.run_job("end the terms of ended")
    newsletter.settle()
    assert (newsletter.rows(), newsletter.members()) == ([], {})
    assert len(newsletter.decisions("term-end")) == 3


def test_p37_a_programme_that_is_down_for_days_is_erased_there_before_the_month_is_over(newsletter) -> None:
    """It is tried again until it answers."""
    newsletter.clock.now = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)
    newsletter.subscribe()
    newsletter.unsubscribe()
    newsletter.settle()
    newsletter.stage.behave("laposta", "fail")
    newsletter.clock.now = datetime(2027, 2, 4, 12, 0, tzinfo=UTC)
    newsletter.run_job("end the terms of ended")
    for _ in range(10):
        newsletter.settle()
        newsletter.clock.forward(minutes=31)
    assert newsletter.members() == {ANNA: "unsubscribed"}
    newsletter.stage.behave("laposta", "normal")
    newsletter.settle()
    assert newsletter.members() == {}


def test_p37_the_term_is_decided_once(newsletter) -> None:
    """A job that runs again while the first decision is under way takes no second one."""
    newsletter.subscribe()
    newsletter.unsubscribe()
    newsletter.settle()
    newsletter.clock.forward(days=4)
    for _ in range(3):
        newsletter.run_job("end the terms of ended")
    assert len(newsletter.decisions("term-end")) == 1


def test_p37_an_opt_out_at_the_programme_counts_from_the_same_day(either) -> None:
    """Whoever leaves by the link in the newsletter is gone within the month as well."""
    either.subscribe()
    either.clock.forward(days=1)
    either.at_programme("unsubscribe")
    either.settle()
    either.clock.forward(days=4)
    either.run_job("end the terms of ended")
    either.settle()
    assert (either.rows(), either.members()) == ([], {})


def test_p37_a_tombstone_remembers_the_reference_and_no_more(newsletter) -> None:
    """A keyed value and a time; the row it is about has no name and no address in it."""
    subscription = newsletter.subscribe()
    newsletter.unsubscribe()
    newsletter.settle()
    newsletter.clock.forward(days=4)
    newsletter.run_job("end the terms of ended")
    newsletter.settle()
    assert newsletter.tombstones() == {subscription.id: subscription.ref}


@pytest.mark.parametrize("kind", ["erasure", "term-end"])
def test_an_erasure_removes_exactly_the_confirmed_records(newsletter, kind) -> None:
    """The neighbour stays, here and there; doing it again finds nothing and says so."""
    mine, other = newsletter.subscribe(), newsletter.subscribe("bert@voorbeeld.example", "Bert")
    first = newsletter.decide(kind, refs=[mine.ref], records=[mine.id])
    newsletter.settle()
    assert [row.id for row in newsletter.rows()] == [other.id]
    assert newsletter.members() == {"bert@voorbeeld.example": "active"}
    assert newsletter.receipts(first)[None].outcome == "done"
    second = newsletter.decide(kind, refs=[mine.ref], records=[mine.id])
    newsletter.settle()
    assert newsletter.receipts(second)[None].counts == {}
    assert newsletter.receipts(second)["laposta"].outcome == "not-addressed"


def test_marks_of_deliveries_go_when_nobody_repeats_them_any_more(newsletter) -> None:
    """Three months, by the policy."""
    newsletter.subscribe()
    newsletter.clock.forward(minutes=5)
    newsletter.at_programme("unsubscribe")
    newsletter.clock.forward(days=80)
    newsletter.run_job("forget marks")
    assert newsletter.count("webhook_deliveries") == 1
    newsletter.clock.forward(days=20)
    newsletter.run_job("forget marks")
    assert newsletter.count("webhook_deliveries") == 0


def test_an_erasure_that_names_two_addresses_of_one_person_erases_both_at_the_programme(either) -> None:
    """One receipt stands for both, and says so only when neither is there any more."""
    first, second = either.subscribe(), either.subscribe("anna.werk@voorbeeld.example")
    either.subscribe("bert@voorbeeld.example", "Bert")
    decision = either.decide("erasure", refs=[first.ref, second.ref], records=[first.id, second.id])
    either.settle()
    assert list(either.members()) == ["bert@voorbeeld.example"]
    receipt = either.receipts(decision)[either.programme]
    assert (receipt.outcome, receipt.evidence.grade, receipt.counts) == (either.erased, "re-read", {"subscriptions": 2})


def test_of_two_addresses_one_that_lies_leaves_the_whole_open(newsletter) -> None:
    """A yes for the one is no yes for the other."""
    first, second = newsletter.subscribe(), newsletter.subscribe("anna.werk@voorbeeld.example")
    newsletter.stage.behave("laposta", "lie", times=1)
    decision = newsletter.decide("erasure", refs=[first.ref, second.ref], records=[first.id, second.id])
    newsletter.settle()
    assert newsletter.receipts(decision)["laposta"].outcome == "failed"
    newsletter.clock.forward(hours=1)
    newsletter.settle()
    assert newsletter.receipts(decision)["laposta"].outcome == "done"
    assert newsletter.members() == {}


def test_what_still_waits_to_be_given_under_a_second_address_is_dropped_too(newsletter) -> None:
    """The decision is about the person, not about the first of their addresses."""
    first = newsletter.subscribe()
    newsletter.sign_up("anna.werk@voorbeeld.example")
    newsletter.confirm("anna.werk@voorbeeld.example")
    second = newsletter.rows()[1]
    newsletter.decide("erasure", refs=[first.ref, second.ref], records=[first.id, second.id])
    newsletter.settle()
    assert newsletter.members() == {}
    assert newsletter.calls("POST") == ["POST /laposta/v2/member"]
