"""The second yes: a button behind the link, once, in time, and with proof."""

from __future__ import annotations

import hashlib

import pytest

from services.newsletter.consent import TEXTS
from tests.services.newsletter.desk import ANNA

BROWSER = {"Accept": "text/html"}


def test_looking_at_the_link_confirms_nothing(newsletter) -> None:
    """Mail scanners open links: only the button counts."""
    newsletter.sign_up()
    for _ in range(3):
        page = newsletter.client.get(newsletter.link("confirm"), headers=BROWSER)
        assert page.status_code == 200
        assert TEXTS["nl"] in page.text
    assert newsletter.client.head(newsletter.link("confirm")).status_code == 200
    assert newsletter.rows()[0].state == "pending"


def test_p55_a_confirmed_subscriber_is_given_to_the_programme(either) -> None:
    """After the button the programme has the address, as subscribed."""
    subscription = either.subscribe()
    assert (subscription.state, subscription.version) == ("confirmed", 2)
    assert either.members() in ({ANNA: "active"}, {ANNA: "subscribed"}, {ANNA: "confirmed"})


def test_p56_the_programme_gets_first_name_and_address_and_nothing_else(newsletter) -> None:
    """The captured bytes hold no other personal datum, and no visitor's IP address."""
    newsletter.sign_up(first_name="Anna", language="en", privacy_version="2024-07-01")
    newsletter.confirm()
    newsletter.settle()
    (call,) = [call for call in newsletter.stage.calls("laposta") if b"email" in call.body]
    fields = dict(part.split("=", 1) for part in call.body.decode().split("&"))
    technical = {name for name in fields if name.startswith("options") or name == "list_id"}
    assert {name: value for name, value in fields.items() if name not in technical} == {
        "ip": "0.0.0.0",
        "email": "anna%40voorbeeld.example",
        "custom_fields%5Bvoornaam%5D": "Anna",
    }


def test_confirming_twice_changes_nothing_the_second_time(newsletter) -> None:
    """A double click, or a mail programme that posts again, gives the person once."""
    newsletter.sign_up()
    assert [newsletter.confirm().status_code for _ in range(3)] == [200, 200, 200]
    newsletter.settle()
    assert newsletter.rows()[0].version == 2
    assert newsletter.calls("POST", "PUT") == ["POST /laposta/v2/member"]


def test_p21_the_proof_of_consent_can_be_shown(newsletter) -> None:
    """What was read and said yes to, its hash, the version of the statement, and both times."""
    newsletter.sign_up(privacy_version="2024-07-01", language="en")
    newsletter.clock.forward(minutes=3)
    newsletter.client.post(newsletter.link("confirm") + "?language=en")
    found = newsletter.client.post(
        "/newsletter/v1/subscriptions/search", json={"email": ANNA}, headers=newsletter.bearer("fg")
    )
    assert found.json["items"][0]["proof"] == {
        "method": "double-opt-in",
        "source": "sign-up-form",
        "signed_up_at": "2026-11-02T09:00:00.000000Z",
        "asked_at": "2026-11-02T09:00:00.000000Z",
        "confirmed_at": "2026-11-02T09:03:00.000000Z",
        "imported_at": None,
        "privacy_version": "2024-07-01",
        "text_sha256": hashlib.sha256(TEXTS["en"].encode()).hexdigest(),
        "text": TEXTS["en"],
        "tick_text": None,
    }


def test_p92_a_form_that_does_not_name_a_statement_gets_the_current_one(newsletter) -> None:
    """The proof always names a version."""
    newsletter.sign_up()
    assert newsletter.rows()[0].privacy_version == newsletter.tools.policy.statement.isoformat()


@pytest.mark.parametrize("method", ["get", "post"])
def test_p36_an_expired_link_says_what_to_do(newsletter, method) -> None:
    """After seven days it is gone, before the job has run and after."""
    newsletter.sign_up()
    link = newsletter.link("confirm")
    newsletter.clock.forward(days=7, minutes=1)
    answer = getattr(newsletter.client, method)(link, headers=BROWSER)
    assert answer.status_code == 410
    assert "Meld je opnieuw aan" in answer.text
    newsletter.run_job("expire unconfirmed")
    answer = getattr(newsletter.client, method)(link, headers=BROWSER)
    assert answer.status_code == 404
    assert "Meld je opnieuw aan" in answer.text


def test_an_unknown_link_says_what_to_do(newsletter) -> None:
    """404, with a way on, in the reader's language."""
    answer = newsletter.client.post("/newsletter/confirm/nonsense?language=en", headers=BROWSER)
    assert answer.status_code == 404
    assert "Sign up again and we will send you a new one." in answer.text
    assert 'href="/newsletter/sign-up?language=en"' in answer.text


def test_the_link_of_an_ended_subscription_does_not_bring_it_back(newsletter) -> None:
    """An old mail that is clicked again is no new yes."""
    newsletter.subscribe()
    confirm = newsletter.link("confirm")
    newsletter.unsubscribe()
    assert newsletter.client.post(confirm, headers=BROWSER).status_code == 410
    newsletter.settle()
    assert newsletter.members() == {ANNA: "unsubscribed"}


def test_a_renewed_sign_up_needs_a_yes_of_its_own_and_then_counts(either) -> None:
    """Who left can come back: by a new mail and a new button, and the programme has them again."""
    old = either.subscribe()
    either.clock.forward(hours=2)
    either.unsubscribe()
    either.settle()
    either.clock.forward(hours=2)
    either.sign_up()
    assert len(either.mails()) == 2
    assert [row.state for row in either.rows()] == ["ended", "pending"]
    either.confirm()
    either.settle()
    (new,) = either.rows()
    assert (new.state, new.id == old.id) == ("confirmed", False)
    if either.programme == "mailerlite":  # takes nobody back: a person at the clinic has to see that
        (waiting,) = either.obligations(kind="transfer", state="parked")
        assert waiting["problem"].endswith("only by a form of its own.")
        assert either.members() == {ANNA: "unsubscribed"}
        return
    # Mailchimp asks somebody who once left itself; the others take our word.
    assert either.members() in ({ANNA: "active"}, {ANNA: "subscribed"}, {ANNA: "confirmed"})


def test_the_data_of_an_earlier_subscription_go_when_its_person_comes_back(newsletter) -> None:
    """Its term would otherwise end the new one at the programme; its key is destroyed at once."""
    old = newsletter.subscribe()
    newsletter.unsubscribe()
    newsletter.settle()
    newsletter.clock.forward(hours=2)
    newsletter.subscribe()
    assert newsletter.tools.vault.surviving([old.key_id]) == set()
    newsletter.clock.forward(days=40)
    newsletter.run_job("end the terms of ended")
    newsletter.settle()
    assert newsletter.decisions("term-end") == []
    assert newsletter.members() == {ANNA: "active"}


def test_a_subscriber_who_signs_up_again_is_asked_again_and_given_again(newsletter) -> None:
    """If the programme lost somebody without a word, signing up again is how they put it right."""
    newsletter.subscribe()
    newsletter.forget_at_programme()
    newsletter.clock.forward(hours=2)
    newsletter.sign_up()
    assert newsletter.rows()[0].state == "confirmed"
    assert newsletter.confirm().status_code == 200
    newsletter.settle()
    assert newsletter.members() == {ANNA: "active"}
    assert newsletter.rows()[0].confirmed_at == newsletter.clock()


def test_p46_without_an_agreement_in_force_nobody_is_given(newsletter) -> None:
    """The transfer waits, however long, and goes when the agreement is renewed; a decision would go at once."""
    newsletter.end_agreement()
    newsletter.sign_up()
    newsletter.confirm()
    for _ in range(60):
        newsletter.settle()
        newsletter.clock.forward(hours=1)
    (waiting,) = newsletter.obligations(kind="transfer")
    assert (waiting["state"], waiting["problem"]) == ("open", "agreement_missing")
    assert newsletter.members() == {}
    newsletter.renew_agreement()
    newsletter.clock.forward(hours=1)
    newsletter.settle()
    assert newsletter.members() == {ANNA: "active"}


def test_p46_who_only_waited_for_an_agreement_was_never_given(newsletter) -> None:
    """An opt-out meanwhile is no reason to tell the programme of somebody it never had."""
    newsletter.end_agreement()
    newsletter.sign_up()
    newsletter.confirm()
    newsletter.settle()
    newsletter.unsubscribe()
    newsletter.settle()
    assert newsletter.receipts(newsletter.decisions()[0].decision)["laposta"].outcome == "not-addressed"
    assert newsletter.calls() == []


def test_p46_a_decision_goes_to_a_programme_without_an_agreement(newsletter) -> None:
    """The agreement gates what gives data, never what takes them away."""
    newsletter.subscribe()
    newsletter.end_agreement()
    newsletter.unsubscribe()
    newsletter.settle()
    assert newsletter.members() == {ANNA: "unsubscribed"}
