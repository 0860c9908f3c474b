"""What somebody at a processor may state: one of four outcomes, with a ground and a day where that outcome has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.errors import InvalidInputError
from shared.processors.interface import Done, NothingHeld, Refused, Retained
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from shared.policy import Policy
    from shared.processors.interface import Evidence

OUTCOMES = ("done", "nothing-held", "retained", "refused")


def check(policy: Policy, outcome: str, ground: str | None, until: date | None, *, today: date) -> None:
    """Refuse a ground that is not the policy's for this outcome, and a day that is not to come.

    Raises InvalidInputError.
    """
    grounds = {"retained": policy.retaining, "refused": policy.refusing}.get(outcome)
    wrong: dict[str, list[str]] = {}
    if grounds is None and ground is not None:
        wrong["ground"] = [Both("Een grond hoort alleen bij bewaren of weigeren.", "Only keeping or refusing has one.")]
    if grounds is not None and ground not in grounds:
        wrong["ground"] = [Both("Kies een grond uit deze lijst.", "Choose a ground from this list.")]
    if outcome == "retained" and (until is None or until <= today):
        wrong["until"] = [Both("Kies een dag in de toekomst.", "Choose a day in the future.")]
    if outcome != "retained" and until is not None:
        wrong["until"] = [Both("Een dag hoort alleen bij bewaren.", "Only keeping has a day.")]
    if wrong:
        raise InvalidInputError(wrong)


def outcome_of(row: Mapping[Any, Any], evidence: Evidence) -> Done | NothingHeld | Retained | Refused:
    """Return what was stated, from a task's ``outcome``, ``ground`` and ``until``."""
    if row["outcome"] == "done":
        return Done(evidence)
    if row["outcome"] == "nothing-held":
        return NothingHeld(evidence)
    if row["outcome"] == "retained":
        return Retained(row["ground"], row["until"], evidence)
    return Refused(row["ground"], evidence)
