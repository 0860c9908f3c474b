"""The inbox: whatever comes is kept, once, and nothing that comes stops what comes after it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from shared.messaging import envelope as envelopes
from shared.messaging.outbox import StoredEvent
from shared.messaging.tables import inbox
from tests.kit.post import FACT, tampered

if TYPE_CHECKING:
    from tests.kit.post import Post

DECISION = "discreet.decision.forgetting.v1"


def test_an_event_is_stored_byte_for_byte_with_its_signature_beside_it(post: Post) -> None:
    """What was signed is what is kept: a proof needs every byte."""
    event = post.form("a")
    post.deliver(event)
    [row] = post.rows()
    assert (row["body"], row["signature"], row["key_id"]) == (event.body, event.signature, event.key_id)
    assert (row["source"], row["event_id"], row["type"], row["state"]) == (
        "/services/intake",
        event.event_id,
        FACT,
        "waiting",
    )


def test_an_event_that_comes_again_is_stored_once(post: Post) -> None:
    """In one batch, in the next, and after it was applied."""
    event, *others = (post.form(name) for name in "abcde")
    post.deliver(event, event, *others)
    post.deliver(event)
    post.apply()
    post.deliver(event, *others)
    assert [row["state"] for row in post.rows()] == ["applied"] * 5
    post.apply()
    assert post.heard == [*"abcde"]


def test_a_decision_that_comes_again_is_applied_again(post: Post) -> None:
    """Whoever says it again did not get the answer; but what waits or is set aside is left as it is."""
    names = [f"d-{number}" for number in range(5)]
    decisions = [
        post.signed("intake", DECISION, msgspec.json.encode({"decision": name}), decisionid=name) for name in names
    ]
    post.deliver(*decisions)
    for state, expected in (("applied", "waiting"), ("parked", "parked")):
        for again in (decisions[:1], decisions, [*decisions, *decisions]):
            _set(post, state)
            post.deliver(*again)
            assert [row["state"] for row in post.rows()] == [expected] * len(again[:5]) + [state] * (5 - len(again[:5]))


def _set(post: Post, state: str) -> None:
    with post.tools.database.transaction() as session:
        session.execute(sa.update(inbox).values(state=state))


def test_what_cannot_be_read_is_kept_under_its_digest_and_set_aside(post: Post) -> None:
    """Nothing is acknowledged into nothing, and nothing of the kind stops what comes with it."""
    bodies = ["", "not json", "[" * 50_000, '{"id": "1"}', "\\xff\\xfe as it was kept", "a\0b", "x" * 3_000_000]
    unreadable = [StoredEvent("whatever", "x" * 300, body, "s" * 300, "k" * 300) for body in bodies]
    post.deliver(*unreadable, post.form("a"))
    post.deliver(*unreadable)
    *kept, event = post.rows()
    assert [row["body"] for row in kept] == [body.replace("\0", "\\0") for body in bodies]
    assert {row["source"] for row in kept} == {"unreadable"}
    assert [row["event_id"] for row in kept] == [envelopes.digest(body) for body in bodies]
    assert {(row["state"], row["problem"]) for row in kept} == {("parked", "UnreadableEventError")}
    assert event["state"] == "waiting"


def test_a_nul_in_what_comes_beside_an_event_does_not_stop_the_others(post: Post) -> None:
    """A header of the broker may hold anything; PostgreSQL would refuse the whole batch, for ever."""
    post.deliver(replace(post.form("a"), signature="a\0b", key_id="\0"), replace(post.form("b"), type="\0"))
    post.apply()
    assert post.heard == ["b"]
    assert post.states() == [("parked", "ForgedEventError"), ("applied", None)]


def test_two_events_whose_ids_begin_alike_stay_two(post: Post) -> None:
    """An id that is longer than its column is no id of ours: cut off, the second would pass for the first."""
    event = post.form("a")
    post.deliver(*(tampered(event, event.event_id, "x" * 64 + end) for end in "ab"))
    assert [row["source"] for row in post.rows()] == ["unreadable", "unreadable"]


def test_storing_wakes_the_applier(post: Post) -> None:
    """It does not wait for its poll."""
    heard = post.tools.database.bell.wait(-1, 0)
    post.deliver(post.form("a"))
    assert post.tools.database.bell.wait(heard, 0) > heard
