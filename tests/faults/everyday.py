"""What happens at a clinic on any day: people do something, staff decide, and the system takes a step, or dies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from shared.settings import SERVICES
from tests.faults.world import PROGRAMMES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.events import DecisionKind
    from tests.faults.acts import People
    from tests.faults.watch import Seen, Watch
    from tests.faults.world import World

EMAILS = ("anna@voorbeeld.example", "bert@voorbeeld.example")
PHONE = "06-12345678"
JOBS = (
    "say unregistered",
    "remind",
    "claim sign-ups",
    "sign-ups that wait",
    "expire",
    "ended subscriptions",
    "unused data keys",
)

# No choice depends on what is there: a number points at one of what is there, if anything is. So a life can be
# lived again step by step, though ids and keys are others each time.
some = st.integers(0, 7)
emails = st.sampled_from(EMAILS)
phones = st.sampled_from([None, PHONE])
services = st.sampled_from(SERVICES)
programmes = st.sampled_from(PROGRAMMES)
dies = st.sampled_from([None, None, None, 0, 1, 2, 3])


@dataclass
class Everyday:
    """Each of these as a call."""

    world: World
    people: People
    watch: Watch

    def open_the_doors(self) -> None:
        """Begin with people who are known already, who share a telephone number, and whose data others have."""
        for email in EMAILS:
            self.people.sign_up(email, None)
            self.people.click("confirm", 0, None)
            self.people.become_client(email, PHONE, None)
            self.people.fill_in_form(email, None, newsletter=False, dies=None)
        self.watch.look()
        for client in self._records("dossier"):
            self.people.hand_over(client, None)
        self.world.settle()
        self.world.clock.forward(seconds=1)

    def does(self, act: tuple[str, dict[str, Any]]) -> None:
        """Do one of them, see what came of it, and let a second pass."""
        name, values = act
        getattr(self, name)(**values)
        self.watch.look()
        self.world.clock.forward(seconds=1)

    def sign_up(self, email: str, dies: int | None) -> None:
        self.people.sign_up(email, dies)

    def confirm(self, index: int, dies: int | None) -> None:
        self.people.click("confirm", index // 4, dies)

    def unsubscribe(self, index: int, dies: int | None) -> None:
        self.people.click("unsubscribe", index // 4, dies)

    def fill_in_form(self, email: str, phone: str | None, newsletter: bool, dies: int | None) -> None:
        self.people.fill_in_form(email, phone, newsletter=newsletter, dies=dies)

    def become_client(self, email: str, phone: str | None, dies: int | None) -> None:
        self.people.become_client(email, phone, dies)

    def hand_over(self, index: int, dies: int | None) -> None:
        if clients := self._records("dossier"):
            self.people.hand_over(clients[index % len(clients)], dies)

    def leave(self, programme: str, email: str, kind: Any) -> None:
        self.people.leave_at(programme, email, kind)

    def hear(self, programme: str, index: int, again: bool, dies: int | None) -> None:
        self.people.hear(programme, index, again=again, dies=dies)

    def erase(self, email: str, confirmed: int, late: bool, dies: int | None) -> None:
        """Staff confirm some of what was found under an address; ``late``, some of that is gone by then."""
        found = [each for each in self._records(*SERVICES, ever=late) if each.email == email]
        self._decide("erasure", email, [each for at, each in enumerate(found[-4:]) if confirmed & 1 << at], dies)

    def decide(self, email: str, kind: Any, dies: int | None) -> None:
        self._decide(kind, email, [], dies)

    def withdraw(self, email: str, kind: Any, dies: int | None) -> None:
        named = [each for each in self._records("newsletter", "dossier") if each.email == email]
        self._decide(kind, email, named, dies)

    def publish(self, name: str, dies: int | None) -> None:
        self.world.do(name, lambda _tools: self.world.mover.publish(name), dies)

    def deliver(self, index: int, again: bool) -> None:
        self.world.mover.deliver(index, again=again)

    def apply(self, name: str, dies: int | None) -> None:
        self.world.apply(name, dies)

    def work(self, name: str, dies: int | None) -> None:
        self.world.work(name, dies)

    def keep(self, name: str, dies: int | None) -> None:
        self.world.keep(name, dies)

    def do_jobs(self, name: str, dies: int | None) -> None:
        for job in JOBS:
            self.world.job(name, job, dies)
        self.people.open_mail()

    def go_on(self) -> None:
        """Everything takes a step, as on a good day."""
        self.world.mover.move()
        for name in SERVICES:
            self.world.keep(name)
            self.world.apply(name)
            self.world.work(name)

    def _decide(self, kind: DecisionKind, email: str, named: Sequence[Seen], dies: int | None) -> None:
        """Decide; what is answered as decided has been."""
        decision = self.people.decide(kind, email, named, dies)
        self.watch.look()
        assert decision is None or decision in self.watch.taken

    def _records(self, *names: str, ever: bool = False) -> list[Seen]:
        known = self.watch.ever if ever else self.watch.present
        return [each for each in known.values() if each.service in names]


def _act(name: str, /, **values: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    return st.tuples(st.just(name), st.fixed_dictionaries(values))


acts = st.one_of(
    _act("sign_up", email=emails, dies=dies),
    _act("confirm", index=some, dies=dies),
    _act("unsubscribe", index=some, dies=dies),
    _act("fill_in_form", email=emails, phone=phones, newsletter=st.booleans(), dies=dies),
    _act("become_client", email=emails, phone=phones, dies=dies),
    _act("hand_over", index=some, dies=dies),
    _act("leave", programme=programmes, email=emails, kind=st.sampled_from(["unsubscribed", "complained"])),
    _act("hear", programme=programmes, index=some, again=st.booleans(), dies=dies),
    _act("erase", email=emails, confirmed=st.integers(1, 15), late=st.booleans(), dies=dies),
    _act("decide", email=emails, kind=st.sampled_from(["unsubscribe", "inquiry"]), dies=dies),
    _act("withdraw", email=emails, kind=st.sampled_from(["withdrawal", "objection"]), dies=dies),
    _act("publish", name=services, dies=dies),
    _act("deliver", index=some, again=st.booleans()),
    _act("apply", name=services, dies=dies),
    _act("work", name=services, dies=dies),
    _act("work", name=st.just("newsletter"), dies=dies),
    _act("keep", name=services, dies=dies),
    _act("do_jobs", name=services, dies=dies),
    _act("go_on"),
    _act("go_on"),
)
