"""MailerLite's mailings: to groups, to segments, or without either to everybody in the account.

What it is narrowed by is a list of alternatives, each a list of conditions that all have to hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from zoneinfo import ZoneInfo

from services.newsletter.processors.audience import LONGEST_SUBJECT, audience_of
from services.newsletter.processors.interface import Campaign
from services.newsletter.processors.mailerlite import answers
from services.newsletter.processors.minimise import domain_of, one_line, written_moment
from shared.deadlines import ZONE
from shared.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from services.newsletter.processors.interface import Audience, CampaignState
    from shared.processors.http import ProcessorAnswer

UTC = ZoneInfo("UTC")
STATES: Mapping[str, CampaignState] = {"ready": "scheduled", "sent": "sent"}
TIMES: Mapping[CampaignState, tuple[str, ...]] = {
    "scheduled": ("scheduled_for",),
    "sent": ("started_at", "queued_at", "finished_at"),
}
A_PAGE, MOST_PAGES = 100, 20
OF_GROUPS = "in_any"


@dataclass(frozen=True, slots=True)
class MailerLiteCampaigns:
    """The mailings of an account; fills the port Campaigns. ``call`` is the adapter's own."""

    call: Callable[..., ProcessorAnswer]
    group: str
    minutes: ClassVar[int] = 1

    def find(self, campaign_id: str) -> Campaign | None:
        """Ask for one."""
        answer = self.call("GET", "campaigns", campaign_id)
        if answer.status == answers.NOT_FOUND and answer.object():
            return None
        return self._shown(answers.content(answer))

    def drafts(self) -> Sequence[Campaign]:
        """Ask for all of them."""
        return [self._shown(row) for row in self._all("draft")]

    def since(self, moment: datetime) -> Sequence[Campaign]:
        """Ask status by status and page by page, in whatever order they come."""
        found = [self._shown(row) for status in STATES for row in self._all(status)]
        return [each for each in found if each.goes_since(moment)]

    def schedule(self, campaign_id: str, at: datetime) -> None:
        """Ask for the delivery in the clinic's zone, by its number among theirs; else it would be the account's own."""
        moment = at.astimezone(ZONE)
        schedule = {
            "date": f"{moment:%Y-%m-%d}",
            "hours": f"{moment:%H}",
            "minutes": f"{moment:%M}",
            "timezone_id": self._number_of_zone(),
        }
        content = {"delivery": "scheduled", "schedule": schedule}
        answers.accepted(self.call("POST", "campaigns", campaign_id, "schedule", content=content))

    def _number_of_zone(self) -> int:
        for row in answers.items(self.call("GET", "timezones")):
            if row.get("name") == ZONE.key and str(row.get("id", "")).isdigit():
                return int(row["id"])
        raise RetryableError("MailerLite does not show the time zone that is meant.")

    def _all(self, status: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for page in range(1, MOST_PAGES + 1):
            params = {"filter[status]": status, "limit": str(A_PAGE), "page": str(page)}
            found = answers.items(self.call("GET", "campaigns", params=params))
            rows += found
            if len(found) < A_PAGE:
                break
        return rows

    def _shown(self, found: Mapping[str, Any]) -> Campaign:
        state = STATES.get(str(found.get("status")), "draft")
        mails = found.get("emails")
        first = mails[0] if isinstance(mails, list) and mails and isinstance(mails[0], dict) else {}
        written = next((found[name] for name in TIMES.get(state, ()) if found.get(name)), None)
        return Campaign(
            campaign_id=str(found.get("id", "")),
            subject=one_line(first.get("subject"), LONGEST_SUBJECT),
            state=state,
            audience=self._audience(found.get("filter")),
            at=written_moment(written, UTC),
            sender_domain=domain_of(first.get("from")),
        )

    def _audience(self, alternatives: object) -> Audience:
        if not isinstance(alternatives, list):
            return "unknown"
        if not alternatives:
            return "more-than-list"
        groups: set[str] = set()
        narrowed = False
        for conditions in alternatives:
            plain = [_groups(each) for each in conditions] if isinstance(conditions, list) else []
            narrowed |= len(plain) != 1 or plain[0] is None
            groups |= {group for each in plain for group in each or ()}
        return audience_of(self.group, groups, narrowed=narrowed)


def _groups(condition: object) -> set[str] | None:
    """Return the groups that a condition asks for, or None where it asks for anything else."""
    args = condition.get("args") if isinstance(condition, dict) and condition.get("operator") == OF_GROUPS else None
    if not isinstance(args, list) or len(args) != 2 or args[0] != "groups" or not isinstance(args[1], list):
        return None
    return {str(each) for each in args[1]}
