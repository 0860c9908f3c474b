"""Mailings as every played newsletter programme has them: made on its own screens, planned or sent, and told of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from services.sandbox.state import Stage

Whom: TypeAlias = Literal["list", "segment", "more", "other"]
"""Whom it goes to: the whole list, a part of it, that and others, or another list."""
SENDER = "nieuws@clinic.example"
WHOMS: tuple[Whom, ...] = get_args(Whom)


@dataclass(frozen=True, kw_only=True)
class PlayedCampaign:
    """One mailing; it was sent once it began."""

    key: str
    subject: str
    whom: Whom
    made_at: datetime
    planned_at: datetime | None = None
    began_at: datetime | None = None


class PlayedCampaigns:
    """The mailings of one account. What is planned begins when the sandbox's clock has come so far."""

    def __init__(
        self,
        stage: Stage,
        processor: str,
        new_key: Callable[[int], str],
        told: Callable[[PlayedCampaign], None] = lambda _: None,
    ) -> None:
        """Start with none; `told` posts of one whose sending began."""
        self._stage = stage
        self._processor = processor
        self._new_key = new_key
        self._told = told
        self._made = 0
        self._kept: dict[str, PlayedCampaign] = {}

    def make(self, subject: str, whom: Whom) -> str:
        """Make a draft, as somebody does on the programme's screens; return its id."""
        with self._stage.lock:
            self._made += 1
            key = self._new_key(self._made)
            self._kept[key] = PlayedCampaign(key=key, subject=subject, whom=whom, made_at=self._stage.config.clock())
            return key

    def all(self) -> list[PlayedCampaign]:
        """Return all of them, oldest first."""
        with self._stage.lock:
            self._begin_what_is_due()
            return list(self._kept.values())

    def find(self, key: str) -> PlayedCampaign | None:
        """Return one."""
        return next((each for each in self.all() if each.key == key), None)

    def plan(self, key: str, at: datetime | None) -> None:
        """Have one begin later, or take that back."""
        self._stage.change(self._processor, lambda: self._put(key, at))

    def send(self, key: str) -> bool:
        """Have one begin now, as somebody does on the programme's screens; False for one that is not a draft."""
        with self._stage.lock:
            found = self._kept.get(key)
            if found is None or found.began_at is not None:
                return False
            self._begin(found, self._stage.config.clock())
            return True

    def reset(self) -> None:
        """Forget all of them."""
        self._kept.clear()

    def _put(self, key: str, at: datetime | None) -> None:
        self._kept[key] = replace(self._kept[key], planned_at=at)

    def _begin_what_is_due(self) -> None:
        now = self._stage.config.clock()
        for each in list(self._kept.values()):
            if each.began_at is None and each.planned_at is not None and each.planned_at <= now:
                self._begin(each, each.planned_at)

    def _begin(self, campaign: PlayedCampaign, at: datetime) -> None:
        begun = replace(campaign, began_at=at)
        self._kept[campaign.key] = begun
        self._told(begun)
