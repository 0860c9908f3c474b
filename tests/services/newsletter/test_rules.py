"""The decisions that only look at times and numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from services.newsletter import rules

NOW = datetime(2026, 11, 2, 9, 0, 0, 500_000, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("mails", "ago", "left", "may"),
    [
        (0, None, timedelta(days=7), True),
        (1, HOUR, timedelta(days=6), True),
        (1, HOUR - timedelta(seconds=1), timedelta(days=6), False),
        (2, HOUR, timedelta(days=6), True),
        (3, timedelta(days=3), timedelta(days=4), False),
        (3, timedelta(days=7), timedelta(0), True),
    ],
)
def test_a_mail_is_allowed_after_an_hour_and_three_times_before_the_link_expires(mails, ago, left, may) -> None:
    """The first at once; after the link has expired the count begins anew."""
    mailed_at = None if ago is None else NOW - ago
    assert rules.may_ask(mails, mailed_at, NOW + left, NOW) is may


def test_a_link_has_expired_at_its_last_moment() -> None:
    """Not a second later."""
    assert rules.has_expired(NOW, NOW)
    assert not rules.has_expired(NOW + timedelta(microseconds=1), NOW)


def test_a_confirmation_answers_the_last_mail_only() -> None:
    """A mail sent after it waits for an answer of its own."""
    assert rules.is_answered(NOW, NOW)
    assert not rules.is_answered(NOW, NOW - timedelta(seconds=1))
    assert not rules.is_answered(NOW, None)


def test_within_the_same_second_the_opt_out_wins() -> None:
    """Programmes write whole seconds: the moment itself could be after the consent."""
    assert not rules.is_overtaken(NOW.replace(microsecond=0), NOW)
    assert rules.is_overtaken(NOW.replace(microsecond=0) - timedelta(seconds=1), NOW)


@pytest.mark.parametrize(
    ("ours", "differs"),
    [
        ("confirmed", {"unsubscribed": "left-there", "cleaned": "left-there", "absent": "missing-there"}),
        ("ended", {"subscribed": "back-there"}),
        ("erased", dict.fromkeys(("subscribed", "unsubscribed", "pending", "cleaned"), "erased-here")),
        ("pending", {"subscribed": "unknown-here"}),
        (None, {"subscribed": "unknown-here"}),
    ],
)
def test_p55_an_opt_out_wins_on_whichever_side_it_was_said(ours, differs) -> None:
    """Whatever is not named here is as it should be."""
    states = ("subscribed", "unsubscribed", "pending", "cleaned", "absent")
    assert {state: found for state in states if (found := rules.drift(ours, state))} == differs
