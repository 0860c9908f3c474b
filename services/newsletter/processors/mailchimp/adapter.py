"""Mailchimp, Marketing API v3: JSON both ways, members by the MD5 of their address.

What differs from what one would expect:

- `status` in a PUT pushes an unsubscribed member back to subscribed, so a plain refresh leaves it out.
- Somebody who left by themselves cannot be subscribed again, only asked again (`pending`); somebody
  deleted for good cannot even be asked, and has to use a form of Mailchimp's own.
- A DELETE only archives; `delete-permanent` is what erases.
- Too many calls may be a 403 without a JSON body.
- An unknown member is a 404, and so is an unknown list.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from services.newsletter.processors import tasks
from services.newsletter.processors.configuration import zone
from services.newsletter.processors.interface import Member, MemberPage, MemberState, ParsedWebhook, SignsWith, Webhook
from services.newsletter.processors.mailchimp import answers, deliveries
from services.newsletter.processors.mailchimp.campaigns import MailchimpCampaigns
from services.newsletter.processors.mailchimp.promises import PROMISES
from services.newsletter.processors.mailchimp.settings import MailchimpSettings, home_of
from services.newsletter.processors.proofs import check_mode, proven
from services.newsletter.processors.tasks import Erased, Sighting, Step
from shared.errors import ConfigurationError, PermanentError, RetryableError
from shared.processors.http import ProcessorSession
from shared.processors.settings import settings_from

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from shared.processors.http import ProcessorAnswer
    from shared.processors.interface import Outcome, ProcessorTask


@dataclass(frozen=True, kw_only=True)
class Mailchimp:
    """One audience at Mailchimp; fills the port NewsletterProvider."""

    settings: MailchimpSettings
    session: ProcessorSession
    page: int = 500
    provider = "mailchimp"
    forgets_within = None
    promises = PROMISES
    echoes = False
    signs_with: ClassVar[SignsWith] = "secret-shown-once"
    failure_status = 503

    @classmethod
    def from_settings(cls, given: Mapping[str, Any]) -> Self:
        """Read the register's settings. Raises ConfigurationError."""
        settings = settings_from(MailchimpSettings, given)
        zone(settings.timezone)
        check_mode(settings.webhook_mode, url_secret=settings.url_secret, signing_secret=settings.webhook_secret)
        session = ProcessorSession(
            base_url=settings.base_url or home_of(settings.api_key),
            auth=("discreet", settings.api_key),
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
        )
        return cls(settings=settings, session=session)

    @property
    def campaigns(self) -> MailchimpCampaigns:
        """The account's mailings."""
        return MailchimpCampaigns(self._send, self.settings.list_id)

    def check(self) -> None:
        """Ask for the list's merge fields: a name that is not among them would be dropped in silence."""
        answer = self._call("GET", "merge-fields", params={"fields": "merge_fields.tag", "count": "100"})
        if not answer.ok:
            raise ConfigurationError(f"Mailchimp does not know the list ({answers.described(answer)}).")
        tags = {str(found.get("tag")) for found in answers.items(answer.json(), "merge_fields")}
        if self.settings.first_name_field not in tags:
            raise ConfigurationError("The list at Mailchimp has no merge field that first_name_field gives.")

    def subscribe(self, email: str, first_name: str, *, reactivate: bool) -> MemberState:
        """Put a person on the list; somebody who once left there by themselves gets Mailchimp's own question."""
        answer = self._put(email, first_name, "subscribed" if reactivate else None)
        if reactivate and answers.known_title(answer) == answers.LEFT_BY_THEMSELVES:
            answer = self._put(email, first_name, "pending")
        if answers.known_title(answer) == answers.FORGOTTEN:
            raise PermanentError("Mailchimp deleted this address for good and takes it back only by a form of its own.")
        return answers.state(answers.content(answer))

    def get_state(self, email: str) -> MemberState:
        """Return what Mailchimp says of an address now."""
        return self.look_up(email).state

    def members(self, after: str = "") -> MemberPage:
        """Return a page of the list, by how many came before; Mailchimp leaves archived members out."""
        fields = "members.email_address,members.status"
        params = {"count": str(self.page), "offset": after or "0", "fields": fields}
        rows = answers.items(answers.accepted(self._call("GET", "members", params=params)).json(), "members")
        return MemberPage(
            members=[Member(email=str(row.get("email_address", "")), state=answers.state(row)) for row in rows],
            rest=str(int(after or 0) + self.page) if len(rows) == self.page else None,
        )

    def carry_out(self, task: ProcessorTask) -> Outcome:
        """Do the task, and look again."""
        return tasks.carry_out(self, task)

    def look_up(self, email: str) -> Sighting:
        """Find a member by the hash of the address; absent counts only when the list itself is there."""
        params = {"fields": "id,status,merge_fields"}
        answer = self._call("GET", "members", subscriber_hash(email), params=params)
        step = answers.step("GET member", answer)
        if answer.status == answers.NOT_FOUND and answer.object():
            answers.accepted(self._call("GET", params={"fields": "id"}))
            return Sighting(state="absent", step=step)
        member = answers.content(answer)
        names = member.get("merge_fields")
        first_name = names.get(self.settings.first_name_field) if isinstance(names, dict) else None
        return Sighting(
            state=answers.state(member), step=step, key=subscriber_hash(email), first_name=str(first_name or "")
        )

    def unsubscribe(self, member: Sighting) -> Step:
        """Set the member's status."""
        return self._change("PATCH member", "PATCH", member.key, content={"status": "unsubscribed"})

    def erase(self, member: Sighting) -> Erased:
        """Delete the member for good; Mailchimp will not take the address back from us afterwards."""
        call = "POST member/actions/delete-permanent"
        return Erased(step=self._change(call, "POST", member.key, "actions", "delete-permanent"))

    def correct(self, member: Sighting, corrected: Mapping[str, str]) -> Step:
        """Replace address or first name; without a status the member stays what it was."""
        content: dict[str, Any] = {}
        if email := corrected.get("email"):
            content["email_address"] = email
        if first_name := corrected.get("first_name"):
            content["merge_fields"] = {self.settings.first_name_field: first_name}
        return self._change("PATCH member", "PATCH", member.key, content=content)

    def webhooks(self) -> tuple[Webhook, ...]:
        """Return the list's webhooks; one that does not tell what we need to know is not active."""
        rows = answers.items(
            answers.accepted(self._call("GET", "webhooks", params={"count": "100"})).json(), "webhooks"
        )
        return tuple(answers.webhook(row) for row in rows)

    def ensure_webhooks(self, callback_url: str) -> tuple[Webhook, ...]:
        """Make our webhook, or mend one that tells too little or echoes our own writes."""
        have = [hook for hook in self.webhooks() if hook.url == callback_url]
        if any(hook.active for hook in have):
            return ()
        content = {"url": callback_url, **answers.WEBHOOK}
        method, path = ("PATCH", ("webhooks", have[0].webhook_id)) if have else ("POST", ("webhooks",))
        return (answers.webhook(answers.content(self._call(method, *path, content=content))),)

    def handshake(self) -> bool:
        """Mailchimp does a GET on the address and wants a 200 before it makes the webhook."""
        return True

    def verify(self, headers: Mapping[str, str], raw: bytes, *, url_secret: str, now: datetime) -> tuple[str, ...]:
        """Check the secret in the address and the timed HMAC of the body, as the webhook's mode asks."""
        return proven(
            self.settings.webhook_mode,
            expected=self.settings.url_secret,
            presented=url_secret,
            signature=lambda: deliveries.signature_form(self.settings.webhook_secret.split(), headers, raw, now),
        )

    def parse(self, raw: bytes) -> ParsedWebhook:
        """Read one event."""
        return deliveries.parse(raw, list_id=self.settings.list_id, zone=zone(self.settings.timezone))

    def _put(self, email: str, first_name: str, status: str | None) -> ProcessorAnswer:
        content: dict[str, Any] = {
            "email_address": email,
            "status_if_new": status or "subscribed",
            "merge_fields": {self.settings.first_name_field: first_name},
        }
        if status is not None:
            content["status"] = status
        params = {"skip_merge_validation": "true"}
        return self._call("PUT", "members", subscriber_hash(email), params=params, content=content)

    def _change(self, call: str, method: str, *path: str, content: Any = None) -> Step:
        answer = self._call(method, "members", *path, content=content)
        if answer.status != answers.NOT_FOUND:  # gone meanwhile: the second look will tell
            answers.accepted(answer)
        return answers.step(call, answer)

    def _call(
        self, method: str, *path: str, params: Mapping[str, str] | None = None, content: Any = None
    ) -> ProcessorAnswer:
        return self._send(method, "lists", self.settings.list_id, *path, params=params, content=content)

    def _send(
        self, method: str, *path: str, params: Mapping[str, str] | None = None, content: Any = None
    ) -> ProcessorAnswer:
        answer = self.session.send(method, *path, params=params, content=content)
        if answer.status == 403 and not answer.object():
            raise RetryableError("Mailchimp answered 403 without a reason: too many calls.")
        if answer.status in (401, 403):
            raise PermanentError(f"Mailchimp refuses our key ({answers.described(answer)}).")
        return answer


def subscriber_hash(email: str) -> str:
    """Return Mailchimp's name for a member: the MD5 of the address in lower case."""
    return hashlib.md5(email.lower().encode(), usedforsecurity=False).hexdigest()
