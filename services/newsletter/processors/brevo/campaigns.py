"""Brevo's mailings: to lists, without lists, to segments; it has no webhook that tells of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from services.newsletter.processors.audience import LONGEST_SUBJECT, audience_of
from services.newsletter.processors.brevo import answers
from services.newsletter.processors.interface import Campaign
from services.newsletter.processors.minimise import domain_of, one_line, written_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from services.newsletter.processors.interface import Audience, CampaignState
    from shared.processors.http import ProcessorAnswer

UTC = ZoneInfo("UTC")
ASKED = ("sent", "queued", "inProcess")
STATES: Mapping[str, CampaignState] = {
    "queued": "scheduled",
    "sent": "sent",
    "archive": "sent",
    "inprocess": "sent",
}
"""By their word in small letters and without an underscore: it is asked for and shown in two spellings."""
NARROWING = ("exclusionLists", "segments", "exclusionSegments", "segmentIds", "exclusionListIds")


@dataclass(frozen=True, slots=True)
class BrevoCampaigns:
    """The mailings of an account; fills the port Campaigns. ``call`` is the adapter's own."""

    call: Callable[..., ProcessorAnswer]
    list_id: str
    minutes: ClassVar[int] = 1

    def find(self, campaign_id: str) -> Campaign | None:
        """Ask for one, without its text."""
        answer = self.call("GET", "emailCampaigns", campaign_id, params={"excludeHtmlContent": "true"})
        if answer.status in (400, answers.NOT_FOUND) and answer.object():  # 400 for what is no number
            return None
        return self._shown(answers.content(answer))

    def drafts(self) -> Sequence[Campaign]:
        """Ask for the latest of them."""
        return [each for each in self._asked("draft") if each.state == "draft"]

    def since(self, moment: datetime) -> Sequence[Campaign]:
        """Ask status by status for the latest, and leave out what is older."""
        return [each for status in ASKED for each in self._asked(status) if each.goes_since(moment)]

    def schedule(self, campaign_id: str, at: datetime) -> None:
        """Ask for the delivery at that time, and not at the best time for each reader: that watches who reads when."""
        content = {"scheduledAt": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"), "sendAtBestTime": False}
        answers.accepted(self.call("PUT", "emailCampaigns", campaign_id, content=content))

    def _asked(self, status: str) -> list[Campaign]:
        params = {"status": status, "limit": "100", "sort": "desc", "excludeHtmlContent": "true"}
        content = answers.content(self.call("GET", "emailCampaigns", params=params))
        rows = answers.items(content, "campaigns") if content.get("campaigns") else []
        return [self._shown(row) for row in rows]

    def _shown(self, found: Mapping[str, Any]) -> Campaign:
        state = STATES.get(str(found.get("status", "")).replace("_", "").lower(), "draft")
        sender = found.get("sender")
        return Campaign(
            campaign_id=str(found.get("id", "")),
            subject=one_line(found.get("subject") or found.get("subjectA"), LONGEST_SUBJECT),
            state=state,
            audience=self._audience(found.get("recipients")),
            at=written_moment(found.get("sentDate") or found.get("scheduledAt"), UTC),
            sender_domain=domain_of(sender.get("email") if isinstance(sender, dict) else None),
        )

    def _audience(self, recipients: object) -> Audience:
        if not isinstance(recipients, dict):
            return "unknown"
        lists = recipients.get("lists", recipients.get("listIds"))
        named = {str(each) for each in lists} if isinstance(lists, list) else set()
        return audience_of(self.list_id, named, narrowed=any(recipients.get(name) for name in NARROWING))
