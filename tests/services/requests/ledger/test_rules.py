"""Which word on an answer counts: the same at the end, in whatever order the words come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from services.requests.ledger.rules import counts_more

NINE = datetime(2026, 11, 2, 9, tzinfo=UTC)
FAILED = ("failed", NINE)
CLOSED = ("closed-unconfirmed", NINE + timedelta(days=9))
REFUSED = ("refused", NINE + timedelta(days=1))
DONE = ("done", NINE + timedelta(days=2))
NOTHING = ("nothing-held", NINE + timedelta(days=3))
UNASKED = ("not-addressed", NINE + timedelta(days=4))


def last_word(words):
    """Hear these words one after the other; return the one that counts."""
    outcome = acted_at = None
    for word in words:
        if counts_more(*word, outcome, acted_at):
            outcome, acted_at = word
    return outcome, acted_at


@pytest.mark.parametrize(
    ("words", "counts"),
    [
        ([FAILED, CLOSED], CLOSED),
        ([FAILED, CLOSED, DONE], DONE),
        ([CLOSED, DONE, REFUSED], DONE),
        ([FAILED, REFUSED], REFUSED),
        ([DONE, NOTHING, UNASKED], DONE),  # answered again by who was put back from a backup
        ([NOTHING, UNASKED], NOTHING),
    ],
    ids=lambda value: "-".join(word[0] for word in value) if isinstance(value, list) else "",
)
def test_the_order_of_words_is_never_a_condition(words, counts):
    """An answer outranks a closing, a closing outranks trouble, and of two answers the later counts.

    But not one that says there was nothing to do, where another says what was done.
    """
    assert {last_word(order) for order in permutations(words)} == {counts}


def test_the_same_word_twice_changes_nothing():
    """Deliveries come at least once."""
    assert last_word([CLOSED, CLOSED]) == CLOSED
