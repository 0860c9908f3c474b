"""MailerLite, the new one: subscribers of the whole account, of which some are in a group.

What differs from what one would expect:

- Whoever left is not taken back by any call, only by a form of theirs.
- A no is for the whole account, a group only for whom an edition goes to.
- `forget` deletes at once from what can be seen, and for good within thirty days; until then they still have it. The
  day stands in their answer. Where that was lost and nothing is shown any more, the last possible day is what is known.
- A plain DELETE keeps everything; it is not used.
- Addresses come back in small letters, ids are texts of eighteen digits.
- What we do ourselves comes back as news, and nothing in it tells that it was us.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Self

from services.newsletter.processors import tasks
from services.newsletter.processors.interface import Member, MemberPage, MemberState, ParsedWebhook, SignsWith, Webhook
from services.newsletter.processors.mailerlite import answers, deliveries
from services.newsletter.processors.mailerlite.campaigns import MailerLiteCampaigns
from services.newsletter.processors.mailerlite.promises import PROMISES
from services.newsletter.processors.mailerlite.settings import MailerLiteSettings
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

VERSION = "2025-05-01"
"""Of their API, by its day: a later one may answer otherwise."""


@dataclass(frozen=True, kw_only=True)
class MailerLite:
    """One group at MailerLite; fills the port NewsletterProvider."""

    settings: MailerLiteSettings
    session: ProcessorSession
    page: int = 100
    provider = "mailerlite"
    forgets_within = timedelta(days=30)
    promises = PROMISES
    echoes = True
    signs_with: ClassVar[SignsWith] = "their-secret"
    failure_status = 503

    @classmethod
    def from_settings(cls, given: Mapping[str, Any]) -> Self:
        """Read the register's settings. Raises ConfigurationError."""
        settings = settings_from(MailerLiteSettings, given)
        check_mode(settings.webhook_mode, url_secret=settings.url_secret, signing_secret=settings.webhook_secret)
        session = ProcessorSession(
            base_url=settings.base_url,
            headers={
                "Authorization": f"Bearer {settings.api_key}",
                "Accept": "application/json",
                "X-Version": VERSION,
            },
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
        )
        return cls(settings=settings, session=session)

    @property
    def campaigns(self) -> MailerLiteCampaigns:
        """The account's mailings."""
        return MailerLiteCampaigns(self._call, self.settings.list_id)

    def check(self) -> None:
        """Ask for the group and the account's fields: a name that is not among them would be dropped in silence."""
        answer = self._group("1")
        if not answer.ok:
            raise ConfigurationError(f"MailerLite does not know the group ({answer.status}).")
        fields = answers.items(self._call("GET", "fields", params={"limit": "100"}))
        if self.settings.first_name_field not in {each.get("key") for each in fields}:
            raise ConfigurationError("The account at MailerLite has no field that first_name_field gives.")

    def subscribe(self, email: str, first_name: str, *, reactivate: bool) -> MemberState:
        """Put a person in the group; a refresh of somebody who is known changes the first name only."""
        seen = self.look_up(email)
        fields = {self.settings.first_name_field: first_name}
        if seen.state != "absent" and not reactivate:
            answer = self._call("PUT", "subscribers", seen.key, content={"fields": fields})
        else:
            content: dict[str, Any] = {"email": email, "fields": fields, "groups": [self.settings.list_id]}
            if reactivate:
                content["status"] = "active"
            answer = self._call("POST", "subscribers", content=content)
        if answer.status == answers.REFUSED and seen.state in ("unsubscribed", "cleaned"):
            raise PermanentError("MailerLite takes back who left only by a form of its own.")
        subscriber = answers.content(answer)
        if first_name and not answers.first_name(subscriber, self.settings.first_name_field):
            raise PermanentError("MailerLite dropped the first name: the account has no field by that name.")
        return answers.state(subscriber, self.settings.list_id)

    def get_state(self, email: str) -> MemberState:
        """Return what MailerLite says of an address now."""
        return self.look_up(email).state

    def members(self, after: str = "") -> MemberPage:
        """Return a page of the group, one status after the other, since they show only one at a time."""
        statuses = list(answers.STATES)
        status, _, cursor = (after or statuses[0]).partition(" ")
        answer = self._group(str(self.page), {"filter[status]": status, **({"cursor": cursor} if cursor else {})})
        rows, state = answers.items(answer), answers.STATES[status]
        following = dict(pairwise([*statuses, None]))[status]
        more = answers.next_cursor(answer)
        return MemberPage(
            members=[Member(email=str(row.get("email", "")), state=state) for row in rows],
            rest=f"{status} {more}" if more else following,
        )

    def carry_out(self, task: ProcessorTask) -> Outcome:
        """Do the task, and look again."""
        return tasks.carry_out(self, task)

    def look_up(self, email: str) -> Sighting:
        """Find a subscriber by address; absent counts only when the group itself is there."""
        answer = self._call("GET", "subscribers", email)
        step = answers.step("GET subscriber", answer)
        if answer.status == answers.NOT_FOUND and answer.object():
            answers.accepted(self._group("1"))
            return Sighting(state="absent", step=step)
        subscriber = answers.content(answer)
        if answers.is_deleted(subscriber):
            return Sighting(state="absent", step=step, gone_at=answers.forgotten_at(subscriber))
        return Sighting(
            state=answers.state(subscriber, self.settings.list_id),
            step=step,
            key=str(subscriber.get("id", "")),
            first_name=answers.first_name(subscriber, self.settings.first_name_field),
        )

    def unsubscribe(self, member: Sighting) -> Step:
        """Set the subscriber's status, so that no other group of the account is mailed to them either."""
        return self._change(member, {"status": "unsubscribed"})

    def erase(self, member: Sighting) -> Erased:
        """Have the subscriber forgotten, which they say takes until the day in their answer."""
        answer = self._call("POST", "subscribers", member.key, "forget")
        step = answers.step("POST subscriber/forget", answer)
        if answer.status == answers.NOT_FOUND:  # gone meanwhile: the second look will tell
            return Erased(step=step)
        told = answers.forgotten_at(answers.content(answer))
        if told is None:
            raise RetryableError("MailerLite does not say when it will have forgotten the person.")
        return Erased(step=step, gone_at=told)

    def correct(self, member: Sighting, corrected: Mapping[str, str]) -> Step:
        """Replace address or first name; without a status the subscriber stays what it was."""
        content: dict[str, Any] = {}
        if email := corrected.get("email"):
            content["email"] = email
        if first_name := corrected.get("first_name"):
            content["fields"] = {self.settings.first_name_field: first_name}
        return self._change(member, content)

    def webhooks(self) -> tuple[Webhook, ...]:
        """Return the account's webhooks; one that does not tell what we need to know is not active."""
        return tuple(answers.webhook(found) for found in answers.items(self._call("GET", "webhooks")))

    def ensure_webhooks(self, callback_url: str) -> tuple[Webhook, ...]:
        """Make our webhook, or mend one that was blocked or tells too little; MailerLite chooses its secret."""
        have = [hook for hook in self.webhooks() if hook.url == callback_url]
        if any(hook.active for hook in have):
            return ()
        content = {"name": "Discreet", "url": callback_url, "events": list(answers.EVENTS), "batchable": True}
        if have:
            answer = self._call("PUT", "webhooks", have[0].webhook_id, content={**content, "enabled": True})
        else:
            answer = self._call("POST", "webhooks", content=content)
        return (answers.webhook(answers.content(answer)),)

    def handshake(self) -> bool:
        """MailerLite does not look at an address before it uses it."""
        return False

    def verify(self, headers: Mapping[str, str], raw: bytes, *, url_secret: str, now: datetime) -> tuple[str, ...]:
        """Check the secret in the address and the HMAC of the body; their signature carries no time."""
        del now
        return proven(
            self.settings.webhook_mode,
            expected=self.settings.url_secret,
            presented=url_secret,
            signature=lambda: deliveries.signature_form(self.settings.webhook_secret.split(), headers, raw),
        )

    def parse(self, raw: bytes) -> ParsedWebhook:
        """Read one event or a batch of them."""
        return deliveries.parse(raw, group=self.settings.list_id)

    def _group(self, limit: str, params: Mapping[str, str] | None = None) -> ProcessorAnswer:
        path = ("groups", self.settings.list_id, "subscribers")
        return self._call("GET", *path, params={"limit": limit, **(params or {})})

    def _change(self, member: Sighting, content: Any) -> Step:
        answer = self._call("PUT", "subscribers", member.key, content=content)
        if answer.status != answers.NOT_FOUND:  # gone meanwhile: the second look will tell
            answers.accepted(answer)
        return answers.step("PUT subscriber", answer)

    def _call(
        self, method: str, *path: str, params: Mapping[str, str] | None = None, content: Any = None
    ) -> ProcessorAnswer:
        answer = self.session.send(method, *path, params=params, content=content)
        if answer.status in (401, 403):  # also when whoever made the key has left the account
            raise PermanentError(f"MailerLite refuses our key ({answer.status}).")
        return answer
