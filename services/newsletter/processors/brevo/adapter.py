"""Brevo, API v3: contacts of the whole account, of which some are on a list.

What differs from what one would expect:

- `emailBlacklisted: false` brings back whoever left, without a word; so does putting a contact on the list again.
  Only a fresh opt-in sends either.
- A no is for the whole account: the blocklist knows no lists.
- A change is answered without a body, so the state after it has to be asked.
- An attribute that the account does not have is dropped without a word.
- What we do ourselves comes back as news, and nothing in it tells that it was us.
- A delivery is offered again after a 429 and after no answer at all; any other answer, a 500 too, is the last of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from services.newsletter.processors import tasks
from services.newsletter.processors.brevo import answers, deliveries
from services.newsletter.processors.brevo.campaigns import BrevoCampaigns
from services.newsletter.processors.brevo.promises import PROMISES
from services.newsletter.processors.brevo.settings import BrevoSettings, list_number
from services.newsletter.processors.interface import Member, MemberPage, MemberState, ParsedWebhook, SignsWith, Webhook
from services.newsletter.processors.proofs import check_mode, proven
from services.newsletter.processors.tasks import Erased, Sighting, Step
from shared.errors import ConfigurationError, PermanentError, RetryableError
from shared.processors.http import ProcessorSession
from shared.processors.interface import ContradictedError
from shared.processors.settings import settings_from

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from shared.processors.http import ProcessorAnswer
    from shared.processors.interface import Outcome, ProcessorTask

BY_ADDRESS = {"identifierType": "email_id"}
BY_NUMBER = {"identifierType": "contact_id"}


@dataclass(frozen=True, kw_only=True)
class Brevo:
    """One list at Brevo; fills the port NewsletterProvider."""

    settings: BrevoSettings
    session: ProcessorSession
    page: int = 500
    provider = "brevo"
    forgets_within = None
    promises = PROMISES
    echoes = True
    signs_with: ClassVar[SignsWith] = "our-secret"
    failure_status = 429

    @classmethod
    def from_settings(cls, given: Mapping[str, Any]) -> Self:
        """Read the register's settings. Raises ConfigurationError."""
        settings = settings_from(BrevoSettings, given)
        list_number(settings.list_id)
        check_mode(settings.webhook_mode, url_secret=settings.url_secret, signing_secret=settings.webhook_secret)
        session = ProcessorSession(
            base_url=settings.base_url,
            headers={"api-key": settings.api_key, "Accept": "application/json"},
            wait_header="x-sib-ratelimit-reset",
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
        )
        return cls(settings=settings, session=session)

    @property
    def campaigns(self) -> BrevoCampaigns:
        """The account's mailings."""
        return BrevoCampaigns(self._call, self.settings.list_id)

    def check(self) -> None:
        """Ask for the list and the account's attributes: a name that is not among them would be dropped in silence."""
        answer = self._call("GET", "contacts", "lists", self.settings.list_id)
        if not answer.ok:
            raise ConfigurationError(f"Brevo does not know the list ({answers.described(answer)}).")
        found = answers.content(self._call("GET", "contacts", "attributes"))
        if self.settings.first_name_field not in {each.get("name") for each in answers.items(found, "attributes")}:
            raise ConfigurationError("The account at Brevo has no attribute that first_name_field gives.")

    def subscribe(self, email: str, first_name: str, *, reactivate: bool) -> MemberState:
        """Put a person on the list; a refresh of somebody who is known changes the first name only."""
        seen = self.look_up(email)
        attributes = {self.settings.first_name_field: first_name}
        if seen.state != "absent" and not reactivate:
            content: dict[str, Any] = {"attributes": attributes}
            answers.accepted(self._call("PUT", "contacts", seen.key, params=BY_NUMBER, content=content))
            return self._seen_after(email, first_name)
        content = {"email": email, "attributes": attributes, "listIds": [self._list], "updateEnabled": reactivate}
        if reactivate:
            content["emailBlacklisted"] = False
        answer = self._call("POST", "contacts", content=content)
        if answers.code(answer) == answers.DUPLICATE:  # somebody else made it meanwhile: the next attempt finds it
            raise RetryableError("Brevo has the contact by now.")
        answers.accepted(answer)
        return self._seen_after(email, first_name)

    def get_state(self, email: str) -> MemberState:
        """Return what Brevo says of an address now."""
        return self.look_up(email).state

    def members(self, after: str = "") -> MemberPage:
        """Return a page of the list, oldest first so that a newcomer moves nobody to another page."""
        params = {"limit": str(self.page), "offset": after or "0", "sort": "asc"}
        answer = self._call("GET", "contacts", "lists", self.settings.list_id, "contacts", params=params)
        rows = answers.items(answers.content(answer), "contacts")
        return MemberPage(
            members=[Member(email=str(row.get("email", "")), state=answers.state(row, self._list)) for row in rows],
            rest=str(int(after or 0) + self.page) if len(rows) == self.page else None,
        )

    def carry_out(self, task: ProcessorTask) -> Outcome:
        """Do the task, and look again."""
        return tasks.carry_out(self, task)

    def look_up(self, email: str) -> Sighting:
        """Find a contact by address; absent counts only when the list itself is there."""
        answer = self._call("GET", "contacts", email, params=BY_ADDRESS)
        step = answers.step("GET contact", answer)
        if answer.status == answers.NOT_FOUND and answer.object():
            answers.accepted(self._call("GET", "contacts", "lists", self.settings.list_id))
            return Sighting(state="absent", step=step)
        contact = answers.content(answer)
        first_name = answers.attributes(contact).get(self.settings.first_name_field)
        return Sighting(
            state=answers.state(contact, self._list),
            step=step,
            key=str(contact.get("id", "")),
            first_name=str(first_name or ""),
        )

    def unsubscribe(self, member: Sighting) -> Step:
        """Put the contact on the blocklist, so that no other list of the account mails it either."""
        return self._change("PUT contact", "PUT", member, content={"emailBlacklisted": True})

    def erase(self, member: Sighting) -> Erased:
        """Delete the contact; its place on the blocklist goes with it."""
        return Erased(step=self._change("DELETE contact", "DELETE", member))

    def correct(self, member: Sighting, corrected: Mapping[str, str]) -> Step:
        """Replace address or first name, which both are attributes here."""
        names = {"email": "EMAIL", "first_name": self.settings.first_name_field}
        attributes = {names[name]: value for name, value in corrected.items()}
        return self._change("PUT contact", "PUT", member, content={"attributes": attributes})

    def webhooks(self) -> tuple[Webhook, ...]:
        """Return the account's webhooks for marketing; one that does not tell what we need to know is not active."""
        answer = self._call("GET", "webhooks", params={"type": "marketing"})
        if answer.status == answers.NOT_FOUND and answer.object():  # their way to say that there are none
            return ()
        return tuple(answers.webhook(found) for found in answers.items(answers.content(answer), "webhooks"))

    def ensure_webhooks(self, callback_url: str) -> tuple[Webhook, ...]:
        """Make our webhook, or mend one that tells too little; Brevo shows our secret in each delivery."""
        have = [hook for hook in self.webhooks() if hook.url == callback_url]
        if any(hook.active for hook in have):
            return ()
        content: dict[str, Any] = {"url": callback_url, "description": "Discreet", "events": list(answers.EVENTS)}
        if secrets := self.settings.webhook_secret.split():
            content["auth"] = {"type": "bearer", "token": secrets[-1]}
        if have:
            answers.accepted(self._call("PUT", "webhooks", have[0].webhook_id, content=content))
            return (answers.webhook({**content, "id": have[0].webhook_id}),)
        made = answers.content(self._call("POST", "webhooks", content={**content, "type": "marketing"}))
        return (answers.webhook({**content, "id": made.get("id")}),)

    def handshake(self) -> bool:
        """Brevo does not look at an address before it uses it."""
        return False

    def verify(self, headers: Mapping[str, str], raw: bytes, *, url_secret: str, now: datetime) -> tuple[str, ...]:
        """Check the secret in the address and the one in a header: nothing is signed, and no time is told."""
        del raw, now
        return proven(
            self.settings.webhook_mode,
            expected=self.settings.url_secret,
            presented=url_secret,
            signature=lambda: deliveries.proof_form(self.settings.webhook_secret.split(), headers),
        )

    def parse(self, raw: bytes) -> ParsedWebhook:
        """Read one event, or a list of them."""
        return deliveries.parse(raw, list_number=self._list)

    @property
    def _list(self) -> int:
        return list_number(self.settings.list_id)

    def _seen_after(self, email: str, first_name: str) -> MemberState:
        after = self.look_up(email)
        if after.state == "absent":
            raise ContradictedError("The processor confirmed but does not have the person.")
        if first_name and not after.first_name:
            raise PermanentError("Brevo dropped the first name: the account has no attribute by that name.")
        return after.state

    def _change(self, call: str, method: str, member: Sighting, content: Any = None) -> Step:
        answer = self._call(method, "contacts", member.key, params=BY_NUMBER, content=content)
        if answer.status != answers.NOT_FOUND:  # gone meanwhile: the second look will tell
            answers.accepted(answer)
        return answers.step(call, answer)

    def _call(
        self, method: str, *path: str, params: Mapping[str, str] | None = None, content: Any = None
    ) -> ProcessorAnswer:
        answer = self.session.send(method, *path, params=params, content=content)
        if answer.status in (401, 403):  # also from a machine that is not on the key's list of addresses
            raise PermanentError(f"Brevo refuses our key ({answers.described(answer)}).")
        return answer
