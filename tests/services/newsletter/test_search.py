"""What staff can look up: the subscription, the proof, and what the programme says at this moment."""

from __future__ import annotations

import pytest

from tests.services.newsletter.desk import ANNA

SEARCH = "/newsletter/v1/subscriptions/search"


def search(newsletter, email: str = ANNA, role: str = "front-desk"):
    """Look an address up as somebody with a role."""
    return newsletter.client.post(SEARCH, json={"email": email}, headers=newsletter.bearer(role))


@pytest.mark.parametrize("role", ["front-desk", "assistant", "physician", "privacy-coordinator", "fg"])
def test_staff_who_may_look_an_address_up(newsletter, role) -> None:
    """Those who answer a person's question about it."""
    assert search(newsletter, role=role).status_code == 200


def test_nobody_else_may(newsletter) -> None:
    """The bookkeeper, the administrator and a visitor are refused."""
    assert [search(newsletter, role=role).status_code for role in ("bookkeeper", "admin")] == [403, 403]
    assert newsletter.client.post(SEARCH, json={"email": ANNA}).status_code == 401


def test_the_programme_is_asked_at_that_moment(either) -> None:
    """Not what we believe of it, but what it says."""
    either.subscribe()
    found = search(either).json["items"]
    assert [(item["state"], item["provider"]) for item in found] == [
        ("confirmed", {"processor": either.programme, "state": "subscribed"})
    ]
    either.forget_at_programme()
    assert search(either).json["items"][0]["provider"]["state"] == "absent"


@pytest.mark.parametrize("mood", ["fail", "busy", "block"])
def test_a_programme_that_cannot_be_asked_is_unknown(newsletter, mood) -> None:
    """The rest of the answer is there all the same."""
    newsletter.subscribe()
    newsletter.stage.behave("laposta", mood)
    (item,) = search(newsletter).json["items"]
    assert (item["state"], item["provider"]["state"]) == ("confirmed", "unknown")


def test_a_programme_is_never_asked_about_somebody_it_was_not_given(newsletter) -> None:
    """Looking somebody up is no reason to tell an outside party of them."""
    newsletter.sign_up()
    assert search(newsletter).json["items"][0]["provider"] is None
    assert search(newsletter, "vreemd@voorbeeld.example").json == {"items": []}
    assert newsletter.calls() == []


def test_a_programme_is_not_asked_about_somebody_who_left_before_being_given(newsletter) -> None:
    """Confirmed and withdrawn within the minute: it never heard of them, and does not now."""
    newsletter.sign_up()
    newsletter.confirm()
    newsletter.unsubscribe()
    newsletter.settle()
    assert search(newsletter).json["items"][0]["provider"] is None
    assert newsletter.calls() == []


def test_after_the_erasure_there_is_nothing_to_find(newsletter) -> None:
    """P37 from outside: the address is unknown, and the programme is not asked."""
    subscription = newsletter.subscribe()
    newsletter.decide("erasure", refs=[subscription.ref], records=[subscription.id])
    newsletter.settle()
    before = len(newsletter.calls())
    assert search(newsletter).json == {"items": []}
    assert len(newsletter.calls()) == before


def test_an_address_is_found_however_it_is_written(newsletter) -> None:
    """Case and blanks around it do not matter; dots and tags do."""
    newsletter.subscribe()
    assert len(search(newsletter, "  ANNA@Voorbeeld.Example ").json["items"]) == 1
    assert search(newsletter, "anna+nieuws@voorbeeld.example").json["items"] == []


def test_an_inquiry_finds_it_by_its_reference(newsletter) -> None:
    """The receipt carries a count and an opaque id, and the programme hears nothing of it."""
    subscription = newsletter.subscribe()
    inquiry = newsletter.decide("inquiry", refs=newsletter.tools.refs.emails(ANNA))
    before = newsletter.calls()
    newsletter.settle()
    receipt = newsletter.receipts(inquiry)[None]
    assert receipt.counts == {"subscriptions": 1}
    assert [found.id for found in receipt.found] == [subscription.id]
    assert newsletter.calls() == before
