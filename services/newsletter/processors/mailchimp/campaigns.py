"""Mailchimp's mailings: one audience each, perhaps a segment of it, on the quarter of an hour.

An account that does not pay cannot plan any: Mailchimp then refuses, and what is sent by hand is watched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from services.newsletter.processors.audience import LONGEST_SUBJECT, audience_of
from services.newsletter.processors.interface import Campaign
from services.newsletter.processors.mailchimp import answers
from services.newsletter.processors.minimise import domain_of, one_line, written_moment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from services.newsletter.processors.interface import Audience, CampaignState
    from shared.processors.http import ProcessorAnswer

UTC = ZoneInfo("UTC")
SHOWN = ("id", "status", "type", "send_time", "recipients", "settings.subject_line", "settings.reply_to")
STATES: Mapping[str, CampaignState] = {"schedule": "scheduled", "sending": "sent", "sent": "sent"}
BY_ITSELF = ("automation", "automation-email")
"""Kinds that go to one person at a time, when something happens: no edition."""
MOST = "200"


@dataclass(frozen=True, slots=True)
class MailchimpCampaigns:
    """The mailings of an account; fills the port Campaigns. ``send`` reaches any path of the API."""

    send: Callable[..., ProcessorAnswer]
    list_id: str
    minutes: ClassVar[int] = 15

    def find(self, campaign_id: str) -> Campaign | None:
        """Ask for one."""
        answer = self.send("GET", "campaigns", campaign_id, params={"fields": ",".join(SHOWN)})
        if answer.status == answers.NOT_FOUND and answer.object():
            return None
        return self._shown(answers.content(answer))

    def drafts(self) -> Sequence[Campaign]:
        """Ask for what was saved, the latest first."""
        return self._asked("save", sort_field="create_time", sort_dir="DESC")

    def since(self, moment: datetime) -> Sequence[Campaign]:
        """Ask status by status."""
        since = moment.isoformat(timespec="seconds")
        return [*self._asked("schedule"), *self._asked("sending"), *self._asked("sent", since_send_time=since)]

    def schedule(self, campaign_id: str, at: datetime) -> None:
        """Ask for the delivery, in UTC."""
        content = {"schedule_time": at.astimezone(UTC).isoformat(timespec="seconds")}
        answers.accepted(self.send("POST", "campaigns", campaign_id, "actions", "schedule", content=content))

    def _asked(self, status: str, **more: str) -> list[Campaign]:
        """Ask for our audience only."""
        params = {"list_id": self.list_id, "count": MOST, "fields": ",".join(f"campaigns.{name}" for name in SHOWN)}
        answer = answers.accepted(self.send("GET", "campaigns", params={**params, **more, "status": status}))
        rows = answers.items(answer.json(), "campaigns")
        return [self._shown(row) for row in rows if row.get("type") not in BY_ITSELF]

    def _shown(self, found: Mapping[str, Any]) -> Campaign:
        settings = found.get("settings")
        settings = settings if isinstance(settings, dict) else {}
        return Campaign(
            campaign_id=str(found.get("id", "")),
            subject=one_line(settings.get("subject_line"), LONGEST_SUBJECT),
            state=STATES.get(str(found.get("status")), "draft"),
            audience=self._audience(found.get("recipients")),
            at=written_moment(found.get("send_time"), UTC),
            sender_domain=domain_of(settings.get("reply_to")),  # their name for the sender, who gets the answers too
        )

    def _audience(self, recipients: object) -> Audience:
        if not isinstance(recipients, dict):
            return "unknown"
        narrowed = any(recipients.get("segment_opts") or {}) or bool(recipients.get("segment_text"))
        return audience_of(self.list_id, {str(recipients.get("list_id") or "")} - {""}, narrowed=narrowed)
