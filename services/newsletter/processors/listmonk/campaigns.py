"""listmonk's mailings: to lists and nothing narrower; planned in two steps, a time and then a status.

A change that does not name lists and media takes them away, and everything else that it does not name stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from services.newsletter.processors.audience import LONGEST_SUBJECT, audience_of
from services.newsletter.processors.interface import Campaign
from services.newsletter.processors.listmonk import answers
from services.newsletter.processors.minimise import domain_of, one_line, written_moment
from shared.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from services.newsletter.processors.interface import Audience, CampaignState
    from shared.processors.http import ProcessorAnswer

LATEST = {"page": "1", "per_page": "100", "order_by": "created_at", "order": "DESC", "no_body": "true"}
BY_ITSELF = "optin"
"""A kind that asks for a confirmation: no edition."""


@dataclass(frozen=True, slots=True)
class ListmonkCampaigns:
    """The mailings of an installation; fills the port Campaigns. ``call`` is the adapter's own."""

    call: Callable[..., ProcessorAnswer]
    list_number: int
    minutes: ClassVar[int] = 1

    def find(self, campaign_id: str) -> Campaign | None:
        """Ask for one."""
        row = self._row(campaign_id)
        return None if row is None else self._shown(row)

    def drafts(self) -> Sequence[Campaign]:
        """Ask for the latest of whatever status."""
        return [each for each in self._latest() if each.state == "draft"]

    def since(self, moment: datetime) -> Sequence[Campaign]:
        """Ask for the latest here too, and leave out what is older or yet a draft."""
        return [each for each in self._latest() if each.goes_since(moment)]

    def _latest(self) -> list[Campaign]:
        data = answers.accepted(self.call("GET", "campaigns", params=LATEST)).object().get("data")
        rows = data.get("results") if isinstance(data, dict) else None
        if not isinstance(rows, list):
            raise RetryableError("listmonk answered without the collection that was asked for.")
        return [self._shown(row) for row in rows if isinstance(row, dict) and row.get("type") != BY_ITSELF]

    def schedule(self, campaign_id: str, at: datetime) -> None:
        """Set the time, with what would be lost otherwise, and then the status."""
        row = self._row(campaign_id) or {}
        content = {
            "lists": [each["id"] for each in _parts(row, "lists")],
            "media": [each["id"] for each in _parts(row, "media")],
            "send_at": at.isoformat(timespec="seconds"),
        }
        answers.accepted(self.call("PUT", "campaigns", campaign_id, content=content))
        answers.accepted(self.call("PUT", "campaigns", campaign_id, "status", content={"status": "scheduled"}))

    def _row(self, campaign_id: str) -> dict[str, Any] | None:
        answer = self.call("GET", "campaigns", campaign_id)
        if answer.status in answers.NOT_THERE:
            return None
        data = answers.accepted(answer).object().get("data")
        if not isinstance(data, dict):
            raise RetryableError("listmonk answered without the object that was asked for.")
        return data

    def _shown(self, row: Mapping[str, Any]) -> Campaign:
        began = written_moment(row.get("started_at"), answers.UTC)
        planned = written_moment(row.get("send_at"), answers.UTC) if row.get("status") == "scheduled" else None
        state: CampaignState = "sent" if began else "scheduled" if planned else "draft"
        return Campaign(
            campaign_id=str(row.get("id", "")),
            subject=one_line(row.get("subject"), LONGEST_SUBJECT),
            state=state,
            audience=self._audience(row),
            at=began or planned,
            sender_domain=domain_of(row.get("from_email")),
        )

    def _audience(self, row: Mapping[str, Any]) -> Audience:
        return audience_of(str(self.list_number), {str(each["id"]) for each in _parts(row, "lists")}, narrowed=False)


def _parts(row: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = row.get(name)
    return [each for each in found if isinstance(each, dict) and "id" in each] if isinstance(found, list) else []
