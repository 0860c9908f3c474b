"""Between our answer to a programme and the act: what it told is kept where nobody can read it, and acted on once."""

from __future__ import annotations

from datetime import timedelta

from shared.failpoints import DIED
from shared.retention import sweep_keys
from tests.kit.dying import live
from tests.services.newsletter.desk import ANNA


def test_what_could_not_be_acted_on_is_not_lost_and_nobody_else_waits_for_it(newsletter) -> None:
    """The programme has its answer and never tells it again: it is tried later, and counts from when it came."""
    newsletter.subscribe()
    newsletter.clock.forward(minutes=5)
    told_at = newsletter.clock()
    newsletter.rename("tallies", "elsewhere")
    assert newsletter.post([newsletter.item(ANNA)]).status_code == 200
    assert newsletter.rows()[0].state == "confirmed"
    assert newsletter.count("webhook_deliveries") == 0
    newsletter.rename("elsewhere", "tallies")
    newsletter.clock.forward(minutes=1)
    newsletter.installation.apply()
    assert (newsletter.rows()[0].state, newsletter.rows()[0].ended_at) == ("ended", told_at)
    assert newsletter.tally("webhook.ended") == 1


def test_what_waits_to_be_acted_on_is_sealed_and_then_gone(anywhere) -> None:
    """Nobody reads an address in the inbox, before or after; and the key goes with the act."""
    anywhere.subscribe()
    anywhere.clock.forward(minutes=5)
    raw = anywhere.batch([anywhere.item(ANNA)])
    anywhere.client.post(anywhere.webhook, data=raw, headers=anywhere.signature(raw))
    (waiting,) = anywhere.told()
    assert not [said for said in (ANNA, "anna", anywhere.setting("url_secret")) if said in repr(waiting).lower()]
    assert anywhere.tools.vault.surviving([waiting["sealed_key"]]) == {waiting["sealed_key"]}
    anywhere.installation.apply()
    (acted_on,) = anywhere.told()
    assert (acted_on["state"], acted_on["sealed"], acted_on["sealed_key"]) == ("applied", None, None)
    assert anywhere.tools.vault.surviving([waiting["sealed_key"]]) == set()
    assert anywhere.rows()[0].state == "ended"


def test_whoever_dies_while_acting_on_it_leaves_it_to_the_next(newsletter) -> None:
    """One process after another, each a step further; it has its effect once, and no key is left over."""
    newsletter.subscribe()
    newsletter.clock.forward(minutes=5)
    raw = newsletter.batch([newsletter.item(ANNA)])
    newsletter.client.post(newsletter.webhook, data=raw, headers=newsletter.signature(raw))
    key = newsletter.told()[0]["sealed_key"]
    for point in ("applier.handled", "applier.marked", "database.uncommitted", "vault.orphaned"):
        assert newsletter.rows()[0].state == "confirmed"
        assert newsletter.tools.vault.surviving([key]) == {key}
        assert live(newsletter.installation.apply, point) == DIED
    newsletter.settle()
    assert (newsletter.rows()[0].state, len(newsletter.decisions())) == ("ended", 1)
    assert newsletter.tools.vault.surviving([key]) == {key}
    newsletter.clock.forward(days=8)
    sweep_keys(newsletter.installation.services["newsletter"]).run(newsletter.tools, newsletter.clock())
    assert newsletter.tools.vault.surviving([key]) == set()


def test_of_a_delivery_whose_key_is_gone_nothing_is_done(newsletter) -> None:
    """It came back with a backup, and was acted on in the life that was lost: its decision is said again anyway."""
    newsletter.subscribe()
    newsletter.clock.forward(minutes=5)
    raw = newsletter.batch([newsletter.item(ANNA)])
    newsletter.client.post(newsletter.webhook, data=raw, headers=newsletter.signature(raw))
    newsletter.tools.vault.destroy([newsletter.told()[0]["sealed_key"]])
    newsletter.installation.apply()
    assert [row["state"] for row in newsletter.told()] == ["applied"]
    assert newsletter.rows()[0].state == "confirmed"
    assert newsletter.tally("webhook.unreadable") == 1


def test_what_waited_while_the_signing_key_was_replaced_is_believed_by_everybody(newsletter) -> None:
    """The decision is dated back to when it came in; its event is of when it was signed, by a key newer than that."""
    newsletter.subscribe()
    newsletter.clock.forward(minutes=5)
    told_at = newsletter.clock()
    raw = newsletter.batch([newsletter.item(ANNA)])
    newsletter.client.post(newsletter.webhook, data=raw, headers=newsletter.signature(raw))
    newsletter.clock.forward(minutes=5)
    newsletter.replace_signing_key()
    newsletter.settle()
    (decision,) = newsletter.decisions()
    assert (decision.decided_at, newsletter.rows()[0].ended_at) == (told_at, told_at)
    assert {answer.outcome for answer in newsletter.receipts(decision.decision).values()} == {"done"}


def test_what_came_before_a_new_yes_is_no_no_to_it_whatever_the_clock_of_the_programme_says(newsletter) -> None:
    """In the hour that comes twice an opt-out is taken for the later; but nothing happened after it was told of."""
    newsletter.subscribe()
    newsletter.clock.forward(minutes=5)
    raw = newsletter.batch([newsletter.item(ANNA, at=newsletter.clock() + timedelta(hours=1))])
    newsletter.client.post(newsletter.webhook, data=raw, headers=newsletter.signature(raw))
    newsletter.clock.forward(minutes=5)
    newsletter.unsubscribe()
    newsletter.clock.forward(minutes=5)
    newsletter.sign_up()
    newsletter.confirm()
    newsletter.installation.apply()
    assert newsletter.rows()[-1].state == "confirmed"
    assert newsletter.tally("webhook.overtaken") == 1


def test_what_a_programme_says_in_half_characters_is_about_nobody(newsletter) -> None:
    """And costs the others in its delivery nothing."""
    newsletter.subscribe()
    newsletter.clock.forward(minutes=5)
    assert newsletter.post([newsletter.item("\ud800@voorbeeld.example"), newsletter.item(ANNA)]).status_code == 200
    assert newsletter.rows()[0].state == "ended"
    assert newsletter.tally("webhook.rejected") == 1
