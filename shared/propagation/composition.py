"""What every service has of the propagation, added to what it declares itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from shared import retention
from shared.events import ANSWER_CLOSED, DECISION_KINDS, MAIL_RETURNED, decision_type
from shared.mail import returned
from shared.processors.by_hand import ByHand
from shared.processors.feed import Feed
from shared.processors.opendsr import OpenDsr
from shared.propagation import decisions, obligations, withdrawing
from shared.service import AdapterFactory, Handler, Job, Service

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

EVERYWHERE: Mapping[str, AdapterFactory] = {"by_hand": ByHand, "feed": Feed, "opendsr": OpenDsr}
REGISTERED = "discreet.fact.decision-registered.v1"
CLOSED = "discreet.fact.decision-closed.v1"


def complete(service: Service) -> Service:
    """Return the service with its share in every decision: obligations, repeats, and the terms of its own records.

    A service's own handler of an event comes first, so that the ledger has a decision on its chain before
    anything follows from it.
    """
    common: Mapping[str, Handler] = {
        **{decision_type(kind): obligations.accept(service) for kind in DECISION_KINDS},
        REGISTERED: decisions.on_registered,
        CLOSED: decisions.on_closed,
        ANSWER_CLOSED: withdrawing.on_answer_closed,
        MAIL_RETURNED: returned.on_returned,
    }
    handlers: dict[str, Sequence[Handler]] = {
        name: (*service.handlers.get(name, ()), *([common[name]] if name in common else []))
        for name in {*service.handlers, *common}
    }
    jobs = (
        *service.jobs,
        Job("say unregistered decisions again", timedelta(seconds=30), decisions.say_again),
        retention.END_TERMS,
        retention.sweep_keys(service),
    )
    return replace(service, handlers=handlers, adapters={**EVERYWHERE, **service.adapters}, jobs=jobs)
