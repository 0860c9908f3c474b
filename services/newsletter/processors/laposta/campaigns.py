"""Laposta's mailings: planned in the account's own time, and all of them in one answer.

A recipient is a list, or a list together with a segment of it. How the second is written is not in their
documentation: whatever is not plainly our list and nothing else does not count as the whole of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from services.newsletter.processors.audience import LONGEST_SUBJECT, audience_of
from services.newsletter.processors.interface import Campaign
from services.newsletter.processors.laposta import answers
from services.newsletter.processors.minimise import domain_of, one_line, written_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from services.newsletter.processors.interface import Audience, CampaignState
    from shared.processors.http import ProcessorAnswer

SEGMENTS = ("segment_ids", "segments")


@dataclass(frozen=True, slots=True)
class LapostaCampaigns:
    """The mailings of an account; fills the port Campaigns. ``call`` is the adapter's own."""

    call: Callable[..., ProcessorAnswer]
    list_id: str
    zone: ZoneInfo
    minutes: ClassVar[int] = 1

    def find(self, campaign_id: str) -> Campaign | None:
        """Ask for one; an unknown one is a 400 with code 203, as everything unknown is."""
        answer = self.call("GET", "campaign", campaign_id)
        if answers.error(answer).get("code") == answers.UNKNOWN:
            return None
        return self._shown(answers.content(answer, "campaign"))

    def drafts(self) -> Sequence[Campaign]:
        """Ask for all of them: there is nothing to choose by."""
        return [each for each in self._all() if each.state == "draft"]

    def since(self, moment: datetime) -> Sequence[Campaign]:
        """Ask for all of them here, too."""
        return [each for each in self._all() if each.goes_since(moment)]

    def schedule(self, campaign_id: str, at: datetime) -> None:
        """Ask for the delivery, in the account's time."""
        form = [("delivery_requested", at.astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S"))]
        answers.accepted(self.call("POST", "campaign", campaign_id, "action", "schedule", form=form))

    def _all(self) -> list[Campaign]:
        rows = answers.items(answers.accepted(self.call("GET", "campaign")).json(), "campaign")
        return [self._shown(row) for row in rows]

    def _shown(self, found: dict[str, Any]) -> Campaign:
        planned, began = (self._time(found.get(name)) for name in ("delivery_requested", "delivery_started"))
        sender = found.get("from")
        state: CampaignState = "sent" if began else "scheduled" if planned else "draft"
        return Campaign(
            campaign_id=str(found.get("campaign_id", "")),
            subject=one_line(found.get("subject"), LONGEST_SUBJECT),
            state=state,
            audience=self._audience(found),
            at=began or planned,
            sender_domain=domain_of(sender.get("email") if isinstance(sender, dict) else sender),
        )

    def _time(self, text: object) -> datetime | None:
        return written_moment(text, self.zone)

    def _audience(self, found: dict[str, Any]) -> Audience:
        lists = found.get("list_ids")
        if isinstance(lists, dict):  # by list, its segments
            return audience_of(self.list_id, lists, narrowed=any(lists.values()))
        if not isinstance(lists, list):
            return "unknown"
        plain = {each for each in lists if isinstance(each, str)}
        pairs = [each for each in lists if isinstance(each, dict)]
        named = plain | {str(each.get("list_id")) for each in pairs}
        return audience_of(self.list_id, named, narrowed=bool(pairs) or any(found.get(name) for name in SEGMENTS))
