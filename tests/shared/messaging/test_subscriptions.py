"""Who listens to what: what the handlers say, on either mover."""

from __future__ import annotations

import re

import pytest

from services import registry
from shared.events import CATALOGUE, DECISION_KINDS, decision_type, routing_key
from shared.messaging.subscriptions import Subscriptions
from shared.settings import SERVICES

SUBSCRIPTIONS = registry.subscriptions(registry.load_all())


def topic_matches(pattern: str, key: str) -> bool:
    """Match as RabbitMQ does: a star is one word, a hash is any number of them."""
    words = [{"*": r"[^.]+", "#": r".*"}.get(word, re.escape(word)) for word in pattern.split(".")]
    return re.fullmatch(r"\.".join(words), key) is not None


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_hears_every_decision_also_one_it_does_not_know(service: str) -> None:
    """It has to answer it, be it that it cannot."""
    for kind in (*DECISION_KINDS, "forgetting"):
        assert SUBSCRIPTIONS.wants(service, decision_type(kind))


def test_a_fact_goes_to_who_reacts_to_it() -> None:
    """And to nobody else."""
    subscriptions = Subscriptions({"intake": frozenset(), "newsletter": frozenset({"discreet.fact.a.v1"})})
    assert subscriptions.wants("newsletter", "discreet.fact.a.v1")
    assert not subscriptions.wants("intake", "discreet.fact.a.v1")
    assert not subscriptions.wants("newsletter", "discreet.fact.b.v1")


@pytest.mark.parametrize("service", SERVICES)
def test_both_movers_bring_the_same_to_the_same_service(service: str) -> None:
    """The broker's bindings and the embedded mover's choice are one list."""
    keys = SUBSCRIPTIONS.binding_keys(service)
    for event_type in CATALOGUE:
        for publisher in SERVICES:
            bound = any(topic_matches(key, routing_key(event_type, publisher)) for key in keys)
            assert bound == SUBSCRIPTIONS.wants(service, event_type), (event_type, publisher)


def test_the_ledger_hears_every_receipt() -> None:
    """Whoever gives it."""
    assert SUBSCRIPTIONS.wants("requests", "discreet.receipt.issued.v1")
