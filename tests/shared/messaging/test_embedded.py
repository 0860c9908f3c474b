"""The mover without a broker: at least once, to whoever wants it, and marked only when it is there."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from services import registry
from shared.events import ContactFormReceived
from shared.messaging.embedded import EmbeddedMover
from shared.messaging.tables import inbox, outbox
from tests.kit.golden import golden_event
from tests.kit.post import Post

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    """An intake that has announced three forms, and a newsletter that listens."""
    made = Post(tmp_path)
    intake = made.installation.tools["intake"]
    with intake.database.transaction() as session:
        for form in "abc":
            intake.outbox.publish(session, ContactFormReceived(form=form, newsletter=True), now=made.clock())
    yield made
    made.close()


def mover(post: Post, clock=None) -> EmbeddedMover:
    """A mover over both services."""
    databases = {name: tools.database for name, tools in post.installation.tools.items()}
    subscriptions = registry.subscriptions(post.installation.services)
    return EmbeddedMover(databases, subscriptions, clock or post.clock)


def waiting(post: Post) -> int:
    """How many events are still in the intake's outbox."""
    with post.installation.tools["intake"].database.reading() as session:
        return session.scalar(sa.select(sa.func.count()).where(outbox.c.state == "waiting"))


def test_events_go_to_who_wants_them_in_the_order_they_were_announced(post: Post) -> None:
    """And to nobody else; then the outbox is empty."""
    assert [mover(post).move("intake"), mover(post).move("intake")] == [3, 0]
    post.apply()
    assert post.heard == ["a", "b", "c"]
    with post.installation.tools["intake"].database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(inbox)) == 0


def test_a_crash_before_the_mark_moves_everything_again_and_changes_nothing(post: Post) -> None:
    """What was delivered and not marked comes a second time, and is known by its key."""
    calls = count(1)

    def stopping_clock() -> datetime:
        if next(calls) == 2:  # the first is for the delivery, the second for the mark
            raise KeyboardInterrupt
        return post.clock()

    with pytest.raises(KeyboardInterrupt):
        mover(post, stopping_clock).move("intake")
    assert (len(post.rows()), waiting(post)) == (3, 3)
    mover(post).move("intake")
    assert (len(post.rows()), waiting(post)) == (3, 0)


def test_a_receiver_that_cannot_take_them_leaves_them_in_the_outbox(post: Post) -> None:
    """Its database is away: nothing is marked, and it all goes when it is back."""
    with post.tools.database.transaction() as session:
        session.execute(sa.text("ALTER TABLE inbox RENAME TO away"))
    with pytest.raises(sa.exc.OperationalError):
        mover(post).move("intake")
    assert waiting(post) == 3
    with post.tools.database.transaction() as session:
        session.execute(sa.text("ALTER TABLE away RENAME TO inbox"))
    mover(post).move("intake")
    assert (len(post.rows()), waiting(post)) == (3, 0)


def test_a_receiver_that_cannot_take_them_does_not_keep_the_others_from_theirs(post: Post) -> None:
    """A decision goes to all: the intake's own inbox is away, the newsletter hears of it all the same."""
    intake = post.installation.tools["intake"]
    decision = replace(golden_event("decision.term-end.v1"), issuer="intake")
    with intake.database.transaction() as session:
        intake.outbox.publish(session, decision, now=post.clock(), kind="term-end")
        session.execute(sa.text("ALTER TABLE inbox RENAME TO away"))
    with pytest.raises(sa.exc.OperationalError):
        mover(post).move("intake")
    assert (len(post.rows()), waiting(post)) == (4, 4)
