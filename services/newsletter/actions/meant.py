"""Whom a programme means by its addresses, while one of its deliveries is taken in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from services.newsletter import rules
from services.newsletter.actions.ending import end_by_decision
from services.newsletter.records import CONFIRMED, ENDED
from shared.propagation import decisions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime
    from typing import Any

    from sqlalchemy.orm import Session

    from services.newsletter.actions.heard import Heard
    from services.newsletter.records import Because, State, Subscription
    from shared.propagation.decisions import Said
    from shared.service import Tools

BY_THE_PERSON = frozenset({"unsubscribed", "complaint"})


@dataclass(slots=True)
class Meant:
    """The subscriptions that a delivery can mean, by ref: read once, however many events it has."""

    by_ref: dict[str, list[Subscription]] = field(default_factory=dict)

    def place(self, subscription: Subscription) -> None:
        """Put one under its refs."""
        for ref in (subscription.ref, subscription.former_ref):
            if ref is not None and subscription not in self.by_ref.setdefault(ref, []):
                self.by_ref[ref].append(subscription)

    def drop(self, subscription: Subscription) -> None:
        """Forget one."""
        for found in self.by_ref.values():
            found[:] = [each for each in found if each is not subscription]

    def find(self, refs: Iterable[str], state: State) -> Subscription | None:
        """Return the one in that state; under an address of now before one under an address of before."""
        refs = set(refs)
        found = [each for ref in refs for each in self.by_ref.get(ref, ()) if each.state == state]
        return min(found, key=lambda each: each.ref not in refs, default=None)


@dataclass(frozen=True, slots=True)
class Hearing:
    """One delivery of one programme, while it is taken in; ``unknown`` are refs of those who left and are not here.

    ``now`` is when it came in, from which everything counts that it says.
    """

    session: Session
    tools: Tools
    processor: str
    now: datetime
    meant: Meant
    erasing: Mapping[str, Mapping[str, Any]]
    decided: list[Said] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def confirmed_before(self, heard: Heard) -> Subscription | None:
        """Return the confirmed subscription of the event's address, unless it was confirmed after the event."""
        found = self.meant.find(heard.refs, CONFIRMED)
        if found is None or found.confirmed_at is None:
            return None
        return None if rules.is_overtaken(self.moment_of(heard), found.confirmed_at) else found

    def lasted(self, heard: Heard) -> bool:
        """Tell whether the event is from the time of a subscription that has ended since: some repeat what we did."""
        found = self.meant.find(heard.refs, ENDED)
        if found is None or found.confirmed_at is None or found.ended_at is None:
            return False
        return rules.lasted_at(self.moment_of(heard), found.confirmed_at, found.ended_at)

    def moment_of(self, heard: Heard) -> datetime:
        """Return when it happened: by the programme's clock, but never after it came in."""
        return min(heard.event.occurred_at or self.now, self.now)

    def end(self, subscription: Subscription, because: Because, refs: Collection[str], *, reported: bool) -> None:
        """End a subscription by a decision, which is taken with the others of this delivery.

        The programme that ``reported`` it is looked at and not told.
        """
        said = end_by_decision(
            subscription,
            because,
            refs=refs,
            decided_by="subject" if because in BY_THE_PERSON else self.processor,
            now=self.now,
            reported_by=self.processor if reported else None,
        )
        self.decided.append(said)

    def take_decisions(self, now: datetime) -> None:
        """Announce what was decided."""
        decisions.take_all(self.session, self.tools, "unsubscribe", self.decided, now=now, decided_at=self.now)
