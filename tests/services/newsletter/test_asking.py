"""Asking a programme that has no webhooks: whoever left there has left here, once, and nobody is missed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.newsletter import records
from tests.services.newsletter.desk import ANNA

BERT = "bert@voorbeeld.example"


@pytest.mark.parametrize(
    ("act", "because", "by"),
    [
        ("unsubscribe", "unsubscribed", "subject"),
        ("complain", "removed-at-provider", "listmonk"),
        ("bounce", "removed-at-provider", "listmonk"),
    ],
)
def test_p55_who_left_at_the_programme_has_left_here(listmonk, act, because, by) -> None:
    """By the same decision as after a webhook: who told us is read, and not told again."""
    listmonk.subscribe()
    listmonk.clock.forward(minutes=10)
    listmonk.at_programme(act)
    assert listmonk.rows()[0].ended_because == because
    (decision,) = listmonk.decisions()
    assert (decision.decided_by, decision.reported_by) == (by, "listmonk")
    before = len(listmonk.calls("PUT", "PATCH", "POST", "DELETE"))
    listmonk.settle()
    assert len(listmonk.calls("PUT", "PATCH", "POST", "DELETE")) == before
    assert listmonk.receipts(decision.decision)["listmonk"].outcome == "done"


def test_asking_again_decides_nothing_again(listmonk) -> None:
    """The overlap reads the same no every time; our own no is read as well, and is none of theirs."""
    listmonk.subscribe()
    listmonk.subscribe(BERT, "Bert")
    listmonk.clock.forward(minutes=10)
    listmonk.at_programme("unsubscribe")
    listmonk.unsubscribe(BERT)
    listmonk.settle()
    for _ in range(3):
        listmonk.hear()
    assert len(listmonk.decisions()) == 2
    assert (listmonk.tally("poll.ended"), listmonk.tally("poll.already-ended")) == (1, 1)


def test_an_opt_out_that_becomes_visible_late_is_not_missed(listmonk) -> None:
    """A change has the time at which its transaction began: later ones may have been read before it."""
    listmonk.subscribe()
    listmonk.subscribe(BERT, "Bert")
    listmonk.clock.forward(minutes=30)
    listmonk.at_programme("unsubscribe", BERT)
    listmonk.clock.forward(minutes=-10)
    listmonk.at_programme("unsubscribe", wait=False)
    listmonk.clock.forward(minutes=15)
    listmonk.hear()
    assert {row.state for row in listmonk.rows()} == {"ended"}


def test_a_programme_whose_clock_is_ahead_is_heard_all_the_same(listmonk) -> None:
    """How far was read goes by its clock, and never into our future."""
    listmonk.subscribe()
    listmonk.subscribe(BERT, "Bert")
    listmonk.clock.forward(hours=3)
    listmonk.at_programme("unsubscribe", wait=False)
    listmonk.clock.forward(hours=-2)
    listmonk.hear()
    with listmonk.tools.database.reading() as session:
        assert records.read_to(session, "listmonk") == listmonk.clock()
    listmonk.clock.forward(minutes=20)
    listmonk.at_programme("unsubscribe", BERT)
    assert {row.state for row in listmonk.rows()} == {"ended"}


def test_a_programme_that_fails_is_asked_from_the_same_time_on(listmonk, caplog) -> None:
    """How far was read is noted only after the last page; the log names nobody."""
    listmonk.subscribe()
    listmonk.clock.forward(minutes=30)
    listmonk.at_programme("unsubscribe", wait=False)
    listmonk.stage.behave("listmonk", "fail", times=1)
    listmonk.hear()
    assert "could not be asked who left" in caplog.text
    assert ANNA not in caplog.text
    with listmonk.tools.database.reading() as session:
        assert records.read_to(session, "listmonk") is None
    listmonk.hear()
    assert listmonk.rows()[0].state == "ended"


def test_after_the_first_time_only_what_changed_is_asked(listmonk) -> None:
    """From a quarter of an hour before the last no on, by the programme's own clock."""
    listmonk.subscribe()
    listmonk.clock.forward(minutes=30)
    left_at = listmonk.clock()
    listmonk.at_programme("unsubscribe")
    listmonk.clock.forward(hours=5)
    listmonk.hear()
    last = listmonk.calls("GET")[-1]
    assert (left_at - timedelta(minutes=15)).isoformat()[:16].replace(":", "%3A") in last


def test_who_came_back_with_us_before_the_old_no_was_read_stays(listmonk) -> None:
    """The yes is later than the no, and the no is no longer the state there."""
    listmonk.subscribe()
    listmonk.clock.forward(minutes=30)
    listmonk.at_programme("unsubscribe", wait=False)
    listmonk.clock.forward(hours=2)
    listmonk.sign_up()
    listmonk.confirm()
    listmonk.hear()
    assert listmonk.tally("poll.overtaken") == 1
    listmonk.settle()
    listmonk.hear()
    assert [row.state for row in listmonk.rows()] == ["confirmed"]
    assert listmonk.members() == {ANNA: "confirmed"}


def test_a_no_of_ours_that_it_hears_after_the_new_yes_is_not_read_as_a_new_no(listmonk) -> None:
    """It was down: it is told the no and then the yes, and asked in between."""
    listmonk.subscribe()
    listmonk.stage.behave("listmonk", "fail")
    listmonk.unsubscribe()
    listmonk.settle()
    listmonk.clock.forward(hours=2)
    listmonk.sign_up()
    listmonk.confirm()
    listmonk.installation.mover.move()
    listmonk.installation.apply()
    listmonk.stage.behave("listmonk", "normal")
    listmonk.clock.forward(hours=3)
    worker = listmonk.worker()
    while listmonk.members() != {ANNA: "unsubscribed"}:
        assert worker.work()
    listmonk.hear()
    assert listmonk.tally("poll.echo") == 1
    listmonk.settle()
    assert [row.state for row in listmonk.rows()] == ["confirmed"]
    assert listmonk.members() == {ANNA: "confirmed"}


def test_a_programme_without_webhooks_has_no_address_for_them(listmonk) -> None:
    """404, also for the handshake."""
    assert listmonk.client.post("/newsletter/v1/webhooks/listmonk/x", data=b"{}").status_code == 404
    assert listmonk.client.get("/newsletter/v1/webhooks/listmonk/x").status_code == 404
