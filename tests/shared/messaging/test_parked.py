"""What was set aside: shown without what is sealed, and tried again as if for the first time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.errors import NotFoundError
from shared.messaging.parked import parked, retry, show
from tests.kit.post import Post

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Post]:
    """A newsletter with one form it cannot read and one it could not handle."""
    made = Post(tmp_path)
    made.failing = {"a"}
    made.deliver(made.signed("intake", "discreet.fact.unheard-of.v1", b"{}"), made.form("a"), made.form("b"))
    for _ in range(8):
        made.apply()
        made.clock.forward(minutes=10)
    yield made
    made.close()


def test_everything_that_was_set_aside_is_listed_with_its_reason(here: Post) -> None:
    """Where it lies, what it is about, what was wrong, how often it was tried."""
    with here.tools.database.reading() as session:
        rows = parked(session)
    assert [(row.place, row.about, row.problem, row.attempts) for row in rows] == [
        ("inbox", "discreet.fact.unheard-of.v1", "UnknownEventError", 0),
        ("inbox", "discreet.fact.contact-form-received.v1", "RefusedError", 8),
    ]


def test_one_is_shown_with_its_exact_text(here: Post) -> None:
    """To find out what is wrong with it."""
    number = here.rows()[1]["id"]
    with here.tools.database.reading() as session:
        shown = show(session, "inbox", number)
    assert shown["body"] == here.rows()[1]["body"]
    assert "applied_at" not in shown


def test_one_that_is_tried_again_is_applied_when_its_trouble_is_over(here: Post) -> None:
    """At once, and with all its tries before it."""
    number = here.rows()[1]["id"]
    here.failing.clear()
    heard = here.tools.database.bell.wait(-1, 0)
    with here.tools.database.transaction() as session:
        retry(session, "inbox", number, here.clock())
    assert here.tools.database.bell.wait(heard, 0) > heard
    assert here.rows()[1]["attempts"] == 0
    here.apply()
    assert here.heard == ["b", "a"]


@pytest.mark.parametrize(("place", "number"), [("inbox", 99), ("obligation", 1), ("mail", 1), ("elsewhere", 1)])
def test_what_is_not_set_aside_is_not_found(here: Post, place: str, number: int) -> None:
    """Neither what is not there, nor a place that does not exist."""
    with here.tools.database.transaction() as session, pytest.raises(NotFoundError):
        retry(session, place, number, here.clock())


def test_what_was_applied_is_not_tried_again(here: Post) -> None:
    """Only what is set aside can be."""
    applied = here.rows()[2]["id"]
    with here.tools.database.transaction() as session, pytest.raises(NotFoundError):
        retry(session, "inbox", applied, here.clock())
