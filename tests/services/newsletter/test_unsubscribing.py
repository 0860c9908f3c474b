"""Unsubscribing: one click in a mail programme, one button on a page, and everybody who had it is told."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from shared.mail import outgoing_mails
from shared.mail.tables import WITHDRAWN
from tests.services.newsletter.desk import ANNA

BROWSER = {"Accept": "text/html"}


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data"])
def test_p24_one_click_works_in_both_forms_that_mail_programmes_use(newsletter, kind) -> None:
    """RFC 8058: no cookie, no redirect, the answer is 200, and it has effect at once."""
    newsletter.subscribe()
    path = newsletter.link("unsubscribe")
    newsletter.client.delete_cookie("any")
    answer = newsletter.client.post(path, data={"List-Unsubscribe": "One-Click"}, content_type=kind)
    assert (answer.status_code, "Set-Cookie" in answer.headers) == (200, False)
    assert newsletter.rows()[0].state == "ended"


def test_p24_one_click_is_not_redirected_by_an_edge_without_tls(newsletter) -> None:
    """Mail programmes follow no redirect, so this address answers even where others send to https."""
    newsletter.subscribe()
    path = newsletter.link("unsubscribe")
    answer = newsletter.client.post(path, headers={"X-Forwarded-Proto": "http"})
    assert answer.status_code == 200
    assert newsletter.client.post(f"{path}/", headers={"X-Forwarded-Proto": "http"}).status_code in (200, 404)


def test_p24_looking_at_the_link_unsubscribes_nobody(newsletter) -> None:
    """Scanners fetch every link in a mail."""
    newsletter.subscribe()
    page = newsletter.client.get(newsletter.link("unsubscribe"), headers=BROWSER)
    assert (page.status_code, "Afmelden" in page.text) == (200, True)
    newsletter.settle()
    assert newsletter.rows()[0].state == "confirmed"
    assert newsletter.decisions() == []


def test_unknown_and_used_links_get_the_same_answer(newsletter) -> None:
    """Nobody learns from it whether somebody was subscribed (RFC 8058 section 3.2)."""
    newsletter.subscribe()
    first = newsletter.unsubscribe()
    again = newsletter.unsubscribe()
    unknown = newsletter.client.post("/newsletter/unsubscribe/nonsense", data={"List-Unsubscribe": "One-Click"})
    assert {answer.status_code for answer in (first, again, unknown)} == {200}
    token = newsletter.link("unsubscribe").rpartition("/")[2]
    assert first.text == again.text == unknown.text.replace("nonsense", token)
    assert len(newsletter.decisions()) == 1


def test_an_unsubscribe_is_a_decision_by_the_subject_under_all_their_references(newsletter) -> None:
    """It goes by references alone, waits for every own store and for the programme, and names no record."""
    newsletter.subscribe()
    newsletter.unsubscribe()
    (decision,) = newsletter.decisions()
    assert decision.refs == newsletter.tools.refs.emails(ANNA)
    assert (decision.decided_by, decision.ground, decision.reported_by) == ("subject", "consent-withdrawn", None)
    assert decision.records == ()
    assert {(each.service, each.processor, each.action) for each in decision.expected} == {
        ("intake", None, "unsubscribe"),
        ("dossier", None, "unsubscribe"),
        ("newsletter", None, "unsubscribe"),
        ("requests", None, "unsubscribe"),
        ("newsletter", "laposta", "unsubscribe"),
    }


def test_the_programme_is_told_and_looked_at_again(either) -> None:
    """The receipt says how it is known: the programme was read after it confirmed."""
    either.subscribe()
    either.unsubscribe()
    either.settle()
    assert either.members() == {ANNA: "unsubscribed"}
    receipts = either.receipts(either.decisions()[0].decision)
    assert (receipts[either.programme].outcome, receipts[either.programme].evidence.grade) == ("done", "re-read")
    assert (receipts[None].outcome, receipts[None].evidence.grade) == ("done", "recounted")
    assert receipts[None].counts == {"subscriptions": 1}


def test_nothing_is_sent_between_the_click_and_the_decision_s_return(newsletter) -> None:
    """The state changes with the click; a transfer that still waits is dropped, and was never a disclosure."""
    newsletter.sign_up()
    newsletter.confirm()
    newsletter.unsubscribe()
    assert newsletter.rows()[0].state == "ended"
    newsletter.settle()
    assert newsletter.calls() == []
    receipts = newsletter.receipts(newsletter.decisions()[0].decision)
    assert (receipts[None].outcome, receipts["laposta"].outcome) == ("done", "not-addressed")
    assert [row["state"] for row in newsletter.obligations(kind="transfer")] == ["superseded"]


def test_a_sign_up_that_waits_can_be_stopped_as_well(newsletter) -> None:
    """The link in the first mail works before the confirmation, and the programme hears nothing."""
    newsletter.sign_up()
    newsletter.unsubscribe()
    assert newsletter.client.post(newsletter.link("confirm")).status_code == 410
    newsletter.settle()
    assert newsletter.rows()[0].ended_because == "unsubscribed"
    assert newsletter.calls() == []


def test_p77_a_programme_that_lies_is_asked_until_it_is_true(newsletter) -> None:
    """A yes that a second look denies is no receipt; the obligation stays open and is tried again."""
    newsletter.subscribe()
    newsletter.stage.behave("laposta", "lie", times=1)
    newsletter.unsubscribe()
    newsletter.settle()
    assert newsletter.receipts(newsletter.decisions()[0].decision)["laposta"].outcome == "failed"
    newsletter.clock.forward(minutes=40)
    newsletter.settle()
    assert newsletter.receipts(newsletter.decisions()[0].decision)["laposta"].outcome == "done"
    assert newsletter.members() == {ANNA: "unsubscribed"}


def test_an_unsubscribe_that_comes_late_leaves_a_later_yes_alone(newsletter) -> None:
    """A decision that is carried out, or said again, after the person came back is not about what they said since."""
    newsletter.subscribe()
    newsletter.unsubscribe()
    newsletter.clock.forward(hours=2)
    newsletter.sign_up()
    newsletter.confirm()
    newsletter.settle()
    assert [row.state for row in newsletter.rows()] == ["confirmed"]
    assert newsletter.members() == {ANNA: "active"}


def test_a_no_that_came_in_before_the_yes_and_was_done_after_it_counts(either) -> None:
    """Two clicks at once, or two machines whose clocks differ: the programme is told, whatever the times say."""
    either.subscribe()
    either.clock.forward(seconds=-2)
    either.unsubscribe()
    either.clock.forward(seconds=2)
    either.settle()
    assert [row.state for row in either.rows()] == ["ended"]
    assert either.members() == {ANNA: "unsubscribed"}
    receipts = either.receipts(either.decisions()[0].decision)
    assert (receipts[None].outcome, receipts[either.programme].outcome) == ("done", "done")


def test_an_unsubscribe_decided_at_the_counter_ends_it_too(newsletter) -> None:
    """Whoever takes the decision, the own store and the programme follow it."""
    newsletter.subscribe()
    newsletter.clock.forward(minutes=1)
    newsletter.decide("unsubscribe", refs=newsletter.tools.refs.emails(ANNA))
    newsletter.settle()
    assert newsletter.rows()[0].state == "ended"
    assert newsletter.members() == {ANNA: "unsubscribed"}


@pytest.mark.parametrize("kind", ["withdrawal", "objection"])
def test_p77_p78_a_withdrawal_or_objection_stops_it(newsletter, kind) -> None:
    """Direct marketing stops absolutely; nobody weighs it."""
    subscription = newsletter.subscribe()
    newsletter.decide(kind, refs=[subscription.ref], records=[subscription.id])
    newsletter.settle()
    assert newsletter.rows()[0].state == "ended"
    assert newsletter.members() == {ANNA: "unsubscribed"}


def test_p25_a_mail_that_waits_is_not_sent_to_whoever_left_meanwhile(newsletter) -> None:
    """Whether they left by their own click or by a decision at the counter; its key is destroyed with it."""
    newsletter.subscribe()
    link, sent = newsletter.link("unsubscribe"), len(newsletter.mails())
    newsletter.clock.forward(days=8)
    newsletter.sign_up()  # asks once more, by a mail that waits for the mail server
    newsletter.client.post(link)
    assert len(newsletter.mails()) == sent

    newsletter.sign_up("bert@voorbeeld.example")
    bert = newsletter.rows()[-1]
    newsletter.decide("objection", refs=[bert.ref], records=[bert.id])
    newsletter.settle()
    assert newsletter.mails("bert@voorbeeld.example") == []
    with newsletter.tools.database.reading() as session:
        waiting = session.execute(sa.select(outgoing_mails).where(outgoing_mails.c.state == WITHDRAWN)).all()
    assert [(row.reason, row.key_id) for row in waiting] == [("requested", None)] * 2
