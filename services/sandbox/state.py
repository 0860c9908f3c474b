"""What all played processors share: who called, how each must behave, and what happens later.

The sandbox is a stand-in program: all of this is in memory, behind one lock, and gone when it stops.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, get_args

from services.sandbox.background import Background
from shared.clock import system_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime

    from flask import Blueprint

    from services.sandbox.addresses import Addresses
    from services.sandbox.campaigns import PlayedCampaigns
    from shared.clock import Clock

Behaviour: TypeAlias = Literal["normal", "fail", "busy", "block", "stall", "late", "twice", "lie", "forge", "impostor"]
BEHAVIOURS: tuple[Behaviour, ...] = get_args(Behaviour)
Moment: TypeAlias = Literal["call", "change", "event", "signature", "always"]

MOMENTS: Mapping[Behaviour, Moment] = {
    "fail": "call",  # 500
    "busy": "call",  # 429
    "block": "call",  # 403 with an empty body, as a firewall in front of a processor gives it
    "stall": "call",  # takes the call and says nothing
    "late": "change",  # says yes now and does it later
    "lie": "change",  # says yes and does nothing
    "twice": "event",  # sends the same webhook two times
    "forge": "signature",  # signs other bytes than it sends
    "impostor": "always",  # signs with a certificate that nobody vouches for
}
MOST_CALLS = 10_000
ACTS = frozenset({"unsubscribe", "complain", "bounce", "delete", "resubscribe"})


@dataclass(frozen=True, kw_only=True)
class SandboxConfig:
    """How a sandbox is set up; times are in seconds.

    `pace` scales every wait of the played processors: theirs last up to two weeks, ours begin at
    half a second. `clock` gives the times they write and sign. `plays` names the processors that are
    played; None plays all.
    """

    addresses: Addresses
    clock: Clock = system_clock
    pace: float = 1.0
    stall_seconds: float = 60.0
    late_seconds: float = 2.0
    plays: Collection[str] | None = None


@dataclass(frozen=True, kw_only=True)
class ReceivedCall:
    """One call that a played processor received: the target with its query, and the bytes of the body."""

    sequence: int
    processor: str
    at: datetime
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class _Mood:
    behaviour: Behaviour = "normal"
    times: int | None = None
    changed: threading.Event = field(default_factory=threading.Event)


class Player(Protocol):
    """One played processor; a further one is a further module that has these."""

    @property
    def name(self) -> str:
        """Its name in the control calls and in `sandbox.json`."""
        ...

    def blueprint(self) -> Blueprint:
        """Return its routes, under a path of its own."""
        ...

    def reset(self) -> None:
        """Forget everybody."""
        ...


class Newsletter(Player, Protocol):
    """A played newsletter programme, with what happens on its own screens."""

    @property
    def campaigns(self) -> PlayedCampaigns:
        """Its mailings."""
        ...

    def members(self) -> list[dict[str, str]]:
        """Return everybody it has: `email`, `state` in its own words, `first_name`."""
        ...

    def act(self, act: str, email: str) -> bool:
        """Let one of ACTS happen to a member, and post it; False for an unknown member."""
        ...


class Stage:
    """The shared state of a sandbox; every player guards its own data with `lock`."""

    def __init__(self, config: SandboxConfig) -> None:
        """Start with nobody known and everybody behaving."""
        self.config = config
        self.lock = threading.RLock()
        self.background = Background()
        self._calls: deque[ReceivedCall] = deque(maxlen=MOST_CALLS)
        self._deliveries: deque[dict[str, Any]] = deque(maxlen=MOST_CALLS)
        self._received = 0
        self._moods: dict[str, _Mood] = {}

    def record(self, processor: str, method: str, target: str, headers: Mapping[str, str], body: bytes) -> None:
        """Keep what a processor received, newest last."""
        with self.lock:
            self._received += 1
            self._calls.append(
                ReceivedCall(
                    sequence=self._received,
                    processor=processor,
                    at=self.config.clock(),
                    method=method,
                    target=target,
                    headers=headers,
                    body=body,
                )
            )

    def calls(self, processor: str | None = None) -> list[ReceivedCall]:
        """Return what was received, newest last."""
        with self.lock:
            return [call for call in self._calls if processor in (None, call.processor)]

    def record_delivery(self, processor: str, attempt: int, status: int | None) -> None:
        """Keep how a webhook was answered; None stands for no answer at all."""
        with self.lock:
            self._deliveries.append({"processor": processor, "attempt": attempt, "status": status})

    def deliveries(self) -> list[dict[str, Any]]:
        """Return how the webhooks were answered, newest last."""
        with self.lock:
            return list(self._deliveries)

    def behave(self, processor: str, behaviour: Behaviour, times: int | None = None) -> None:
        """Let a processor behave so, `times` times or until told otherwise; wakes whoever is stalled."""
        with self.lock:
            self._mood(processor).changed.set()
            self._moods[processor] = _Mood(behaviour, times)

    def takes(self, processor: str, moment: Moment) -> Behaviour:
        """Return how a processor behaves at this moment, and count it."""
        with self.lock:
            mood = self._mood(processor)
            if MOMENTS.get(mood.behaviour) != moment or mood.times == 0:
                return "normal"
            if mood.times is not None:
                mood.times -= 1
            return mood.behaviour

    def mood(self, processor: str) -> Behaviour:
        """Return how a processor was told to behave, without counting."""
        with self.lock:
            return self._mood(processor).behaviour

    def stall(self, processor: str) -> None:
        """Wait as long as the configuration says, or until the processor is told to behave otherwise."""
        with self.lock:
            changed = self._mood(processor).changed
        changed.wait(self.config.stall_seconds)

    def change(self, processor: str, effect: Callable[[], object]) -> None:
        """Let a confirmed change happen: now, later, or never, as the processor behaves."""

        def happen() -> None:
            with self.lock:
                effect()

        behaviour = self.takes(processor, "change")
        if behaviour == "late":
            self.background.schedule(self.config.late_seconds, happen)
        elif behaviour != "lie":
            happen()

    def reset(self) -> None:
        """Forget calls, moods and everything that was still to happen."""
        with self.lock:
            self.background.clear()
            for mood in self._moods.values():
                mood.changed.set()
            self._moods.clear()
            self._calls.clear()
            self._deliveries.clear()

    def _mood(self, processor: str) -> _Mood:
        return self._moods.setdefault(processor, _Mood())
