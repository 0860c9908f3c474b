"""How a decision is carried out at a programme: look, act, and look again before it is believed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol, TypeAlias

from services.newsletter.processors.interface import SENT_TO, MemberState
from shared.errors import PermanentError
from shared.processors.interface import ContradictedError, Done, NothingHeld, Retained, evidence_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from shared.processors.interface import Evidence, Grade, Outcome, ProcessorTask

Step: TypeAlias = "Mapping[str, str | int]"
"""One call and its answer, for the evidence: method and resource, status, code; no personal data."""

PUT_AWAY = "erased-later"
"""The ground in the policy on which a processor still has for a while what it deleted."""
CORRECTABLE = frozenset({"email", "first_name"})


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """What a programme shows of one address: `key` is its name for the member, `step` the call that told.

    `gone_at` is when it says to let go of what it shows as deleted, which counts as absent.
    """

    state: MemberState
    step: Step
    gone_at: datetime | None = None
    key: str = field(default="", repr=False)
    first_name: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Erased:
    """What a programme answered to an erasure; `gone_at` is when it says to have let go of what it only put away."""

    step: Step
    gone_at: datetime | None = None


class Account(Protocol):
    """The calls a programme has for one member of one list."""

    @property
    def provider(self) -> str:
        """Name of the programme, for the evidence."""
        ...

    @property
    def forgets_within(self) -> timedelta | None:
        """How long it may yet have what it was told to erase, or None where it erases at once."""
        ...

    def look_up(self, email: str) -> Sighting:
        """Return what the programme shows of an address."""
        ...

    def subscribe(self, email: str, first_name: str, *, reactivate: bool) -> MemberState:
        """Put a person on the list, or refresh the first name, and return the state after it."""
        ...

    def unsubscribe(self, member: Sighting) -> Step:
        """Stop mailing a member that was seen."""
        ...

    def erase(self, member: Sighting) -> Erased:
        """Delete a member that was seen, for good."""
        ...

    def correct(self, member: Sighting, corrected: Mapping[str, str]) -> Step:
        """Replace the e-mail address or the first name of a member that was seen."""
        ...


def carry_out(account: Account, task: ProcessorTask) -> Outcome:
    """Do what the task asks at this programme.

    Besides the kinds of decisions it takes `subscribe`, for a fresh opt-in, and `refresh`, for a first
    name. Raises ContradictedError when the programme confirmed and a second look shows otherwise,
    PermanentError for an action it has no call for.
    """
    email = task.subject.email
    if not email:
        raise PermanentError("The task has no e-mail address to recognise the person by.")
    if task.action in GIVING:
        return _give(account, task, email)
    act = ACTIONS.get(task.action)
    if act is None:
        raise PermanentError("The newsletter programme has no call for this kind of decision.")
    seen = account.look_up(email)
    if seen.state == "absent" and task.action == "correction" and (moved := task.corrected.get("email")):
        email, seen = moved, account.look_up(moved)  # an earlier attempt may have got this far
    if seen.state == "absent":
        return _absent(account, task, seen)
    return act(account, task, email, seen)


def _absent(account: Account, task: ProcessorTask, seen: Sighting) -> Outcome:
    """Say that nothing is held, but where the programme may yet have what was put away before this attempt.

    That is by its own word or, where an earlier attempt may have asked for it, within the time that it takes at most.
    """
    if task.action not in ERASING:
        return NothingHeld(_evidence(account, task, "api-confirmed", 0, seen.step))
    if seen.gone_at is None and task.retried_at and account.forgets_within:
        unknown = {"call": "erasure in an earlier attempt", "status": "unknown"}
        evidence = _evidence(account, task, "api-confirmed", 0, seen.step, unknown)
        return _put_away(task.retried_at + account.forgets_within, evidence)
    evidence = _evidence(account, task, "api-confirmed", 0, seen.step)
    return NothingHeld(evidence) if seen.gone_at is None else _put_away(seen.gone_at, evidence)


def _put_away(gone_at: datetime, evidence: Evidence) -> Retained:
    """Out of sight is not gone: the day after the one they name is the first on which nothing is left."""
    return Retained(PUT_AWAY, gone_at.date() + timedelta(days=1), evidence)


def _give(account: Account, task: ProcessorTask, email: str) -> Outcome:
    reactivate = GIVING[task.action]
    state = account.subscribe(email, task.subject.first_name or "", reactivate=reactivate)
    return Done(_evidence(account, task, "api-confirmed", 1, {"call": task.action, "state": state}))


def _stop(account: Account, task: ProcessorTask, email: str, seen: Sighting) -> Outcome:
    if seen.state not in SENT_TO:
        # Seen to be so already: the programme reported it, or an earlier attempt got this far.
        return Done(_evidence(account, task, "re-read", 1, seen.step))
    told = account.unsubscribe(seen)
    after = account.look_up(email)
    if after.state in SENT_TO:
        raise ContradictedError("The processor confirmed but still has the person subscribed.")
    return Done(_evidence(account, task, "re-read", 1, seen.step, told, after.step))


def _erase(account: Account, task: ProcessorTask, email: str, seen: Sighting) -> Outcome:
    told = account.erase(seen)
    after = account.look_up(email)
    if after.state != "absent":
        raise ContradictedError("The processor confirmed but still holds the data.")
    evidence = _evidence(account, task, "re-read", 1, seen.step, told.step, after.step)
    return Done(evidence) if told.gone_at is None else _put_away(told.gone_at, evidence)


def _count(account: Account, task: ProcessorTask, _email: str, seen: Sighting) -> Outcome:
    return Done(_evidence(account, task, "api-confirmed", 1, seen.step))


def _correct(account: Account, task: ProcessorTask, email: str, seen: Sighting) -> Outcome:
    if not task.corrected:
        raise PermanentError("The task does not say what the correct data are.")
    corrected = {name: value for name, value in task.corrected.items() if name in CORRECTABLE and value}
    if not corrected:
        # The programme has an address and a first name only: none of it is wrong.
        return Done(_evidence(account, task, "api-confirmed", 0, seen.step))
    told = account.correct(seen, corrected)
    steps = [seen.step, told]
    moved = corrected.get("email", email)
    if moved.lower() != email.lower():
        old = account.look_up(email)
        steps.append(old.step)
        if old.state != "absent":
            raise ContradictedError("The processor confirmed but still has the old address.")
    after = account.look_up(moved)
    if after.state == "absent" or after.first_name != corrected.get("first_name", after.first_name):
        raise ContradictedError("The processor confirmed but still has the old data.")
    return Done(_evidence(account, task, "re-read", 1, *steps, after.step))


def _evidence(account: Account, task: ProcessorTask, grade: Grade, count: int, *steps: Step) -> Evidence:
    seen = {"provider": account.provider, "action": task.action, "calls": [dict(step) for step in steps]}
    return evidence_of(grade, seen, dict.fromkeys(task.categories or ("subscriptions",), count))


GIVING: Mapping[str, bool] = {"subscribe": True, "refresh": False}
"""What gives data, and whether it is a fresh opt-in that may bring somebody back who left."""

Act: TypeAlias = "Callable[[Account, ProcessorTask, str, Sighting], Outcome]"

ACTIONS: Mapping[str, Act] = {
    "unsubscribe": _stop,
    "read": _stop,
    "withdrawal": _stop,
    "objection": _stop,
    "restriction": _stop,
    "erasure": _erase,
    "term-end": _erase,
    "correction": _correct,
    "inquiry": _count,
}
ERASING = frozenset(action for action, act in ACTIONS.items() if act is _erase)
"""What each kind of decision means here. `read` is `_stop` as well: a programme that reported the
unsubscribe is only looked at, and told when it turns out to be mailing all the same."""
