"""listmonk, which a clinic runs itself: subscribers of the whole installation, of which some are on a list.

What differs from what one would expect:

- It has no webhooks. Who left is found by asking, again and again.
- Making somebody whom it has is a 409. A PUT takes away every list that it does not name, so a PATCH is used.
- A subscriber who only unsubscribed is brought back by an import that overwrites; one on the blocklist is not.
- The blocklist is a status of the subscriber: whoever is deleted is no longer on it.
- An unsubscribe by the link in a mail does not touch the subscriber's `updated_at`, only the subscription's.
- An unknown subscriber is a 400.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from services.newsletter.processors import tasks
from services.newsletter.processors.interface import Member, MemberPage, MemberState
from services.newsletter.processors.listmonk import answers, questions
from services.newsletter.processors.listmonk.campaigns import ListmonkCampaigns
from services.newsletter.processors.listmonk.promises import PROMISES
from services.newsletter.processors.listmonk.settings import ListmonkSettings, list_number
from services.newsletter.processors.tasks import Erased, Sighting, Step
from shared.errors import ConfigurationError, PermanentError, RetryableError
from shared.processors.http import ProcessorSession
from shared.processors.interface import ContradictedError
from shared.processors.settings import settings_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from services.newsletter.processors.interface import ProviderEvent
    from shared.processors.http import ProcessorAnswer
    from shared.processors.interface import Outcome, ProcessorTask


@dataclass(frozen=True, kw_only=True)
class Listmonk:
    """One list of listmonk; fills the port AskedProvider."""

    settings: ListmonkSettings
    session: ProcessorSession
    page: int = 500
    provider = "listmonk"
    forgets_within = None
    promises = PROMISES

    @classmethod
    def from_settings(cls, given: Mapping[str, Any]) -> Self:
        """Read the register's settings. Raises ConfigurationError."""
        settings = settings_from(ListmonkSettings, given)
        list_number(settings.list_id)
        session = ProcessorSession(
            base_url=settings.base_url,
            auth=(settings.api_user, settings.api_key),
            connect_seconds=settings.connect_seconds,
            read_seconds=settings.read_seconds,
        )
        return cls(settings=settings, session=session)

    @property
    def campaigns(self) -> ListmonkCampaigns:
        """The account's mailings."""
        return ListmonkCampaigns(self._call, self._list)

    def check(self) -> None:
        """Ask for the list, and whether our user may ask by expression: without that nobody is found."""
        answer = self._call("GET", "lists", self.settings.list_id)
        if not answer.ok:
            raise ConfigurationError(f"listmonk does not know the list ({answer.status}).")
        answers.subscribers(self._ask(questions.after(0), per_page=1))

    def subscribe(self, email: str, first_name: str, *, reactivate: bool) -> MemberState:
        """Put a person on the list; a refresh of somebody who is known changes the name only."""
        seen = self.look_up(email)
        if seen.state == "absent":
            self._make(email, first_name)
        elif reactivate:
            # The list first: while the status is still a no, nobody asks for the time of a change as if it were one.
            add = {"ids": [int(seen.key)], "action": "add", "target_list_ids": [self._list], "status": "confirmed"}
            answers.accepted(self._call("PUT", "subscribers", "lists", content=add))
            self._patch(seen, {"name": first_name, "status": "enabled"})
        else:
            self._patch(seen, {"name": first_name})
        after = self.get_state(email)
        if after == "absent":
            raise ContradictedError("The processor confirmed but does not have the person.")
        return after

    def get_state(self, email: str) -> MemberState:
        """Return what listmonk says of an address now."""
        return self.look_up(email).state

    def members(self, after: str = "") -> MemberPage:
        """Return a page of the list, by number of the subscriber."""
        rows, last = self._page({"list_id": self.settings.list_id}, int(after or 0))
        return MemberPage(
            members=[Member(email=str(row.get("email", "")), state=answers.state(row, self._list)) for row in rows],
            rest=None if last is None else str(last),
        )

    def poll(self, since: datetime | None) -> Iterator[Sequence[ProviderEvent]]:
        """Yield, page by page, everybody who is not mailed any more and changed since then."""
        params = {"list_id": self.settings.list_id, "subscription_status": "unsubscribed"}
        last: int | None = 0
        while last is not None:
            rows, last = self._page(params, last, *([questions.changed(since)] if since else []))
            found = (answers.opt_out(row, self._list) for row in rows)
            yield [event for event in found if event is not None]

    def carry_out(self, task: ProcessorTask) -> Outcome:
        """Do the task, and look again."""
        return tasks.carry_out(self, task)

    def look_up(self, email: str) -> Sighting:
        """Find a subscriber by address; absent counts only when the list itself is there."""
        answer = self._ask(questions.of_address(email), per_page=1)
        step = answers.step("GET subscribers", answer)
        found = answers.subscribers(answer)
        if not found:
            answers.accepted(self._call("GET", "lists", self.settings.list_id))
            return Sighting(state="absent", step=step)
        return Sighting(
            state=answers.state(found[0], self._list),
            step=step,
            key=str(found[0].get("id", "")),
            first_name=str(found[0].get("name") or ""),
        )

    def unsubscribe(self, member: Sighting) -> Step:
        """Put the subscriber on the blocklist: a plain unsubscribe would not outlive an import there."""
        return self._change("PUT subscriber/blocklist", "PUT", member.key, "blocklist")

    def erase(self, member: Sighting) -> Erased:
        """Delete the subscriber; that they are on the blocklist goes with them."""
        return Erased(step=self._change("DELETE subscriber", "DELETE", member.key))

    def correct(self, member: Sighting, corrected: Mapping[str, str]) -> Step:
        """Replace address or name; lists and status stay what they were."""
        names = {"email": "email", "first_name": "name"}
        return self._patch(member, {names[name]: value for name, value in corrected.items()})

    @property
    def _list(self) -> int:
        return list_number(self.settings.list_id)

    def _make(self, email: str, first_name: str) -> None:
        content = {
            "email": email,
            "name": first_name,
            "status": "enabled",
            "lists": [self._list],
            "attribs": {},
            "preconfirm_subscriptions": True,  # our own confirmed opt-in replaces theirs
        }
        answer = self._call("POST", "subscribers", content=content)
        if answer.status == answers.EXISTS:  # somebody else made it meanwhile: the next attempt finds it
            raise RetryableError("listmonk has the subscriber by now.")
        answers.accepted(answer)

    def _patch(self, member: Sighting, content: Any) -> Step:
        return self._change("PATCH subscriber", "PATCH", member.key, content=content)

    def _change(self, call: str, method: str, *path: str, content: Any = None) -> Step:
        answer = self._call(method, "subscribers", *path, content=content)
        if answer.status not in answers.NOT_THERE:  # gone meanwhile: the second look will tell
            answers.accepted(answer)
        return answers.step(call, answer)

    def _page(self, params: Mapping[str, str], last: int, *also: str) -> tuple[list[dict[str, Any]], int | None]:
        """Return the subscribers after a number, and the number after which there are more."""
        question = " AND ".join([questions.after(last), *also])
        rows = answers.subscribers(self._ask(question, per_page=self.page, **params))
        return rows, None if len(rows) < self.page else max(int(row.get("id", 0)) for row in rows)

    def _ask(self, question: str, *, per_page: int, **params: str) -> ProcessorAnswer:
        order = {"order_by": "id", "order": "asc", "page": "1", "per_page": str(per_page)}
        return self._call("GET", "subscribers", params={**params, **order, "query": question})

    def _call(
        self, method: str, *path: str, params: Mapping[str, str] | None = None, content: Any = None
    ) -> ProcessorAnswer:
        answer = self.session.send(method, *path, params=params, content=content)
        if answer.status in (401, 403):
            raise PermanentError(f"listmonk refuses our key, or what its user may do ({answer.status}).")
        return answer
