"""Laposta, API v2: form bodies with PHP brackets in, wrapped JSON out, and updates by POST.

What differs from what one would expect:

- An unknown member is a 400 with code 203, and so is an unknown list.
- `options[upsert]` revives an unsubscribed member unless `options[suppress_reactivation]` is sent.
- A custom field that the list does not have is dropped without a word.
- An address in a path is the only way to find a member; afterwards its id is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Self

from services.newsletter.processors import tasks
from services.newsletter.processors.configuration import zone
from services.newsletter.processors.interface import MemberPage, MemberState, ParsedWebhook, SignsWith, Webhook
from services.newsletter.processors.laposta import answers, deliveries
from services.newsletter.processors.laposta.campaigns import LapostaCampaigns
from services.newsletter.processors.laposta.promises import PROMISES
from services.newsletter.processors.laposta.settings import LapostaSettings
from services.newsletter.processors.proofs import check_mode, proven
from services.newsletter.processors.tasks import Erased, Sighting, Step
from shared.errors import ConfigurationError, PermanentError, RetryableError
from shared.processors.http import MIB, ProcessorSession
from shared.processors.settings import settings_from

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from shared.processors.http import FormFields, ProcessorAnswer, Reader
    from shared.processors.interface import Outcome, ProcessorTask

WEBHOOK_EVENTS = ("subscribed", "modified", "deactivated")


@dataclass(frozen=True, kw_only=True)
class Laposta:
    """One list at Laposta; fills the port NewsletterProvider."""

    settings: LapostaSettings
    session: ProcessorSession
    provider = "laposta"
    forgets_within = None
    promises = PROMISES
    echoes = False
    signs_with: ClassVar[SignsWith] = "their-secret"
    failure_status = 503

    @classmethod
    def from_settings(cls, given: Mapping[str, Any]) -> Self:
        """Read the register's settings. Raises ConfigurationError."""
        settings = settings_from(LapostaSettings, given)
        zone(settings.timezone)
        check_mode(settings.webhook_mode, url_secret=settings.url_secret, signing_secret=settings.webhook_secret)
        session = ProcessorSession(
            base_url=settings.base_url,
            auth=(settings.api_key, ""),
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
            largest=256 * MIB,  # the list comes whole: there is no paging
        )
        return cls(settings=settings, session=session)

    @property
    def campaigns(self) -> LapostaCampaigns:
        """The account's mailings."""
        return LapostaCampaigns(self._call, self.settings.list_id, zone(self.settings.timezone))

    def check(self) -> None:
        """Ask for the list's fields: a name that is not among them would be dropped in silence."""
        answer = self._call("GET", "field", params=self._list)
        if not answer.ok:
            raise ConfigurationError(f"Laposta does not know the list ({answers.described(answer)}).")
        names = {str(found.get("custom_name")) for found in answers.items(answer.json(), "field")}
        if self.settings.first_name_field not in names:
            raise ConfigurationError("The list at Laposta has no field by the name that first_name_field gives.")

    def subscribe(self, email: str, first_name: str, *, reactivate: bool) -> MemberState:
        """Put a person on the list; our own confirmed opt-in replaces theirs, and nobody gets their mail about it."""
        key = self.settings.first_name_field
        answer = self._call(
            "POST",
            "member",
            form=[
                ("list_id", self.settings.list_id),
                ("ip", "0.0.0.0"),  # noqa: S104 - they want one, and get none
                ("email", email),
                (f"custom_fields[{key}]", first_name),
                ("options[upsert]", "true"),
                ("options[ignore_doubleoptin]", "true"),
                ("options[suppress_email_notification]", "true"),
                *([] if reactivate else [("options[suppress_reactivation]", "true")]),
            ],
        )
        member = answers.content(answer, "member")
        if key not in answers.custom_fields(member):
            raise PermanentError("Laposta dropped the first name: the list has no field by that name.")
        return answers.state(member)

    def get_state(self, email: str) -> MemberState:
        """Return what Laposta says of an address now."""
        return self.look_up(email).state

    def members(self, after: str = "") -> MemberPage:
        """Return everybody in one state, one state after the other: the only pages there are."""
        state = after or answers.LISTED[0]
        asked = {**self._list, "state": state}
        answer = answers.accepted(self._call("GET", "member", params=asked, reader=answers.read_members))
        return MemberPage(members=answer.read, rest=dict(pairwise([*answers.LISTED, None]))[state])

    def carry_out(self, task: ProcessorTask) -> Outcome:
        """Do the task, and look again."""
        return tasks.carry_out(self, task)

    def look_up(self, email: str) -> Sighting:
        """Find a member by address; absent counts only when the list itself is there."""
        answer = self._call("GET", "member", email, params=self._list)
        step = answers.step("GET member", answer)
        if answers.error(answer).get("code") == answers.UNKNOWN:
            answers.accepted(self._call("GET", "list", self.settings.list_id))
            return Sighting(state="absent", step=step)
        member = answers.content(answer, "member")
        first_name = answers.custom_fields(member).get(self.settings.first_name_field)
        return Sighting(
            state=answers.state(member),
            step=step,
            key=str(member.get("member_id", "")),
            first_name=str(first_name or ""),
        )

    def unsubscribe(self, member: Sighting) -> Step:
        """Set the member's state."""
        return self._change(member, [("state", "unsubscribed")])

    def erase(self, member: Sighting) -> Erased:
        """Delete the member from the list."""
        answer = self._call("DELETE", "member", member.key, params=self._list)
        if answers.error(answer).get("code") != answers.UNKNOWN:  # gone meanwhile: the second look will tell
            answers.accepted(answer)
        return Erased(step=answers.step("DELETE member", answer))

    def correct(self, member: Sighting, corrected: Mapping[str, str]) -> Step:
        """Replace address or first name; without a state the member stays what it was."""
        names = {"email": "email", "first_name": f"custom_fields[{self.settings.first_name_field}]"}
        return self._change(member, [(names[name], value) for name, value in sorted(corrected.items())])

    def webhooks(self) -> tuple[Webhook, ...]:
        """Return the list's webhooks; Laposta deletes one that failed for about two weeks."""
        answer = answers.accepted(self._call("GET", "webhook", params=self._list))
        return tuple(answers.webhook(found) for found in answers.items(answer.json(), "webhook"))

    def ensure_webhooks(self, callback_url: str) -> tuple[Webhook, ...]:
        """Make the three webhooks of the list, or take one that was blocked into use again."""
        have = {event: hook for hook in self.webhooks() if hook.url == callback_url for event in hook.events}
        made = []
        for event in WEBHOOK_EVENTS:
            hook = have.get(event)
            if hook is not None and hook.active:
                continue
            form = [("list_id", self.settings.list_id), ("event", event), ("url", callback_url), ("blocked", "false")]
            path = ("webhook",) if hook is None else ("webhook", hook.webhook_id)
            answer = self._call("POST", *path, form=form)
            made.append(answers.webhook(answers.content(answer, "webhook")))
        return tuple(made)

    def handshake(self) -> bool:
        """Laposta does not look at an address before it uses it."""
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
        """Read a batch of up to a thousand events."""
        return deliveries.parse(raw, list_id=self.settings.list_id, zone=zone(self.settings.timezone))

    @property
    def _list(self) -> dict[str, str]:
        return {"list_id": self.settings.list_id}

    def _change(self, member: Sighting, form: list[tuple[str, str]]) -> Step:
        answer = self._call("POST", "member", member.key, form=[("list_id", self.settings.list_id), *form])
        if answers.error(answer).get("code") != answers.UNKNOWN:  # gone meanwhile: the second look will tell
            answers.accepted(answer)
        return answers.step("POST member", answer)

    def _call(
        self,
        method: str,
        *segments: str,
        params: Mapping[str, str] | None = None,
        form: FormFields | None = None,
        reader: Reader | None = None,
    ) -> ProcessorAnswer:
        answer = self.session.send(method, *segments, params=params, form=form, reader=reader)
        if answer.status in (401, 403):
            raise PermanentError(f"Laposta refuses our key ({answer.status}).")
        if answer.status == 402:
            raise RetryableError("Laposta understood the call and did not execute it (402).")
        return answer
