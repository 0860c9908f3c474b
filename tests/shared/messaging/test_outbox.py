"""The outbox: announced with the change that made it true, signed over its exact bytes, and numbered."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from shared import log
from shared.events import ContactFormReceived, DecisionClosed
from shared.messaging.tables import outbox
from shared.signing import is_signed
from tests.kit.golden import golden_event

if TYPE_CHECKING:
    from shared.service import Tools
    from tests.kit.post import Post


def announce(tools: Tools, now, *events) -> None:
    """Announce events in one transaction."""
    with tools.database.transaction() as session:
        for event in events:
            tools.outbox.publish(session, event, now=now)


def rows(tools: Tools) -> list[dict]:
    """What is in the outbox."""
    with tools.database.reading() as session:
        return [dict(row) for row in session.execute(sa.select(outbox).order_by(outbox.c.id)).mappings()]


def test_an_event_is_signed_over_exactly_what_is_sent(post: Post) -> None:
    """By the service's own key, whose id stands beside it."""
    tools = post.installation.tools["intake"]
    announce(tools, post.clock(), ContactFormReceived(form="a", newsletter=True))
    [row] = rows(tools)
    key = tools.roster.current().events_key_of("intake", row["key_id"], post.clock())
    assert key is not None
    assert is_signed(key.public_key, base64.b64decode(row["signature"]), row["body"].encode())
    assert json.loads(row["body"])["id"] == row["event_id"]
    assert (row["routing_key"], row["state"]) == ("fact.contact-form-received.intake", "waiting")


def test_nothing_is_announced_by_a_transaction_that_failed(post: Post) -> None:
    """A form that was not stored was not received."""
    tools = post.installation.tools["intake"]

    def fail() -> None:
        with tools.database.transaction() as session:
            tools.outbox.publish(session, ContactFormReceived(form="a", newsletter=True), now=post.clock())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert rows(tools) == []


def test_events_are_numbered_within_one_life_of_the_database(post: Post) -> None:
    """So that a receiver can tell a gap; a database put back from a backup begins another count."""
    tools = post.installation.tools["intake"]
    form = ContactFormReceived(form="a", newsletter=True)
    announce(tools, post.clock(), form, form)
    announce(tools, post.clock(), form)
    numbers = [json.loads(row["body"])["sequence"].rpartition(".") for row in rows(tools)]
    assert {life for life, _, _ in numbers} == {"first-intake"}
    counted = [int(number) for _, _, number in numbers]
    assert counted == sorted(set(counted))


def test_an_event_carries_the_decision_and_the_trace_it_belongs_to(post: Post) -> None:
    """From the form to the last receipt."""
    tools = post.installation.tools["intake"]
    token = log.traceparent.set("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    announce(tools, post.clock(), DecisionClosed(decision="d-1"))
    log.traceparent.reset(token)
    body = json.loads(rows(tools)[0]["body"])
    assert (body["decisionid"], body["traceparent"][:6]) == ("d-1", "00-0af")


def test_announcing_wakes_the_mover(post: Post) -> None:
    """A form is on its way before the next poll."""
    tools = post.installation.tools["intake"]
    heard = tools.database.bell.wait(-1, 0)
    announce(tools, post.clock(), ContactFormReceived(form="a", newsletter=True))
    assert tools.database.bell.wait(heard, 0) == heard + 1


def test_a_decision_is_announced_under_its_kind_only(post: Post) -> None:
    """Without a kind there is nothing it could be called."""
    decision = golden_event("decision.erasure.v1")
    with pytest.raises(ValueError, match="under its kind"):
        announce(post.installation.tools["intake"], post.clock(), decision)
