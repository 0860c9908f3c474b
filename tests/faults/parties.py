"""Processors that a test plays in memory: they fail, forget to answer, answer late and lie, and note what they hear."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from services.newsletter.processors import tasks
from services.newsletter.processors.interface import ProviderEvent
from services.newsletter.processors.tasks import Sighting
from shared.errors import RetryableError
from shared.processors.interface import Done, NothingHeld, Pending, evidence_of
from shared.propagation.own_store import ERASING

if TYPE_CHECKING:
    from services.newsletter.processors.interface import EventKind, MemberState
    from services.newsletter.processors.tasks import Step
    from shared.clock import Clock
    from shared.processors.interface import Outcome, ProcessorTask
    from tests.faults.fate import Fate, Gate

MOODS = ("normal", "fails", "forgets", "lies", "late")
"""It does what is asked; does nothing and breaks off; does it and breaks off; says that it did; does it later."""


@dataclass
class Party:
    """What every one of them has: a mood, and a memory of whom it was ever told of and by what."""

    id: str
    fate: Fate
    clock: Clock
    mood: str = "normal"
    gate: Gate | None = None
    given: set[str] = field(default_factory=set)
    strangers: list[str] = field(default_factory=list)
    """What it was told about somebody of whom it never had anything."""
    finished: list[ProcessorTask] = field(default_factory=list)
    """The tasks that it answered for good."""

    def carry_out(self, task: ProcessorTask) -> Outcome:
        """Do a task as the mood is; the caller may die before and after, or be held up."""
        gate = self.gate
        if task.action == "subscribe":
            self.given |= self.names(task)
        else:
            self.strangers += sorted(self.names(task) - self.given)
        self.fate.tick()
        if gate:
            gate.come_by("before")
        outcome = self.act(task)
        if gate:
            gate.come_by("after")
        self.fate.tick()
        if not isinstance(outcome, Pending):
            self.finished.append(task)
        return outcome

    def names(self, task: ProcessorTask) -> set[str]:
        """Return by what a task names whom it is about."""
        raise NotImplementedError

    def act(self, task: ProcessorTask) -> Outcome:
        """Do what is asked."""
        raise NotImplementedError

    def changing(self) -> bool:
        """Come to where something is changed; return whether it really is."""
        if self.mood == "fails":
            raise RetryableError("out of order")
        return self.mood != "lies"

    def answering(self) -> None:
        """Come to where the answer is given."""
        if self.mood == "forgets":
            raise RetryableError("no answer")


@dataclass
class PlayedProgramme(Party):
    """An e-mail programme with one list, as the steps of `tasks` see an account."""

    provider = "played"
    forgets_within = None
    members: dict[str, MemberState] = field(default_factory=dict)
    told: list[ProviderEvent] = field(default_factory=list)
    """What it has to tell us by its webhook, of our own acts too."""

    def tell(self, kind: EventKind, email: str, *, by_person: bool = False) -> None:
        """Have something to tell; what we do by its API it repeats as not done by the person."""
        number = len(self.finished) + len(self.told)
        event = ProviderEvent(
            kind=kind,
            list_id="list",
            occurred_at=self.clock().replace(microsecond=0),
            dedupe_key=f"{kind} {email} {self.clock()} {number}",
            email=email,
            by_person=by_person,
        )
        self.told.append(event)

    def names(self, task: ProcessorTask) -> set[str]:
        return {task.subject.email or ""}

    def act(self, task: ProcessorTask) -> Outcome:
        return tasks.carry_out(self, task)

    def look_up(self, email: str) -> Sighting:
        if self.mood == "fails":
            raise RetryableError("out of order")
        return Sighting(state=self.members.get(email, "absent"), step={"call": "look"}, key=email)

    def subscribe(self, email: str, first_name: str, *, reactivate: bool) -> MemberState:
        self.changing()  # about what it is given it does not lie
        self.members[email] = "subscribed"
        self.tell("subscribed", email)
        self.answering()
        return "subscribed"

    def unsubscribe(self, member: Sighting) -> Step:
        if self.changing() and member.key in self.members:
            self.members[member.key] = "unsubscribed"
            self.tell("unsubscribed", member.key)
        self.answering()
        return {"call": "unsubscribe"}

    def erase(self, member: Sighting) -> Step:
        if self.changing() and self.members.pop(member.key, None):
            self.tell("deleted", member.key)
        self.answering()
        return {"call": "erase"}


@dataclass
class Keeper(Party):
    """A processor that keeps copies of records under their ids; it may answer hours after it was asked."""

    copies: set[str] = field(default_factory=set)

    def hand(self, record: str) -> None:
        """Give it a copy."""
        self.given.add(record)
        self.copies.add(record)

    def names(self, task: ProcessorTask) -> set[str]:
        return {record for records in task.records.values() for record in records}

    def act(self, task: ProcessorTask) -> Outcome:
        if self.mood == "late" and not task.state:
            return Pending(self.clock() + timedelta(hours=3), {"ticket": task.idempotency_key})
        if self.mood == "lies":  # to a keeper nobody looks again: its word is all there is
            raise RetryableError("says neither yes nor no")
        if task.action not in ERASING:
            self.changing()
            self.answering()
            return Done(evidence_of("api-confirmed", {"noted": 1}))
        gone = self.copies & self.names(task)
        if self.changing():
            self.copies -= gone
        self.answering()
        evidence = evidence_of("api-confirmed", {"erased": len(gone)})
        return Done(evidence) if gone else NothingHeld(evidence)
