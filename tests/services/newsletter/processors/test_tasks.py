"""Looking again, at a programme that can go wrong in ways the sandbox does not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from services.newsletter.processors import tasks
from services.newsletter.processors.tasks import Sighting, Step
from shared.processors.interface import ContradictedError


class CopyingProgramme:
    """A programme that gives a new address to a copy and keeps the old one."""

    provider = "copying"
    forgets_within = None

    def __init__(self) -> None:
        self.held = {"anne@example.nl": "Anne"}

    def look_up(self, email: str) -> Sighting:
        name = self.held.get(email)
        state = "absent" if name is None else "subscribed"
        return Sighting(state=state, step={"call": "GET", "status": 200}, key=email, first_name=name or "")

    def subscribe(self, email: str, first_name: str, *, reactivate: bool) -> Any:
        raise NotImplementedError

    def unsubscribe(self, member: Sighting) -> Step:
        raise NotImplementedError

    def erase(self, member: Sighting) -> Step:
        raise NotImplementedError

    def correct(self, member: Sighting, corrected: Mapping[str, str]) -> Step:
        self.held[corrected["email"]] = self.held[member.key]
        return {"call": "PATCH", "status": 200}


def test_an_old_address_that_stays_after_a_correction_is_caught(task_of: Any) -> None:
    """A person who is on the list under both addresses is not corrected."""
    with pytest.raises(ContradictedError, match="old address"):
        tasks.carry_out(CopyingProgramme(), task_of("correction", corrected={"email": "anna@example.nl"}))
