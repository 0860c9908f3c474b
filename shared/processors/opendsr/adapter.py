"""The adapter: asks a processor once to erase a person, follows the request, and turns its end into an outcome."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from shared.errors import PermanentError
from shared.events import DECISION_KINDS
from shared.processors.by_hand import ByHand
from shared.processors.interface import Done, Pending
from shared.processors.opendsr.evidence import evidence
from shared.processors.opendsr.party import Party
from shared.processors.opendsr.progress import FINAL, current, give_up, take
from shared.processors.opendsr.tables import NEW
from shared.processors.opendsr.wire import (
    ERASURE,
    UnreadableAnswerError,
    email_identities,
    erasure_request,
    read_accepted,
    read_status,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from shared.processors.http import ProcessorAnswer
    from shared.processors.interface import Outcome, ProcessorTask
    from shared.processors.opendsr.progress import Row
    from shared.processors.opendsr.wire import StatusNote
    from shared.propagation.register import Processor
    from shared.service import Tools

ERASING = frozenset({"erasure", "term-end"})
SOONEST, LATEST = timedelta(minutes=1), timedelta(hours=6)
OVERDUE = timedelta(hours=1)
CONFLICT = 409


@dataclass(frozen=True, slots=True)
class OpenDsr:
    """One processor that speaks OpenDSR, and whose contact gets a task for what OpenDSR has no words for."""

    tools: Tools
    processor: Processor

    def __post_init__(self) -> None:
        """Raise ConfigurationError for settings that reach nobody."""
        Party.of(self.tools, self.processor)

    def carry_out(self, task: ProcessorTask) -> Outcome:
        """Send the request, ask how far it is, or tell how it ended.

        Raises RetryableError, also for an answer that is not proven; PermanentError when the processor does not
        announce what we need, refuses the request or cancelled it; ConfigurationError.
        """
        if task.action not in DECISION_KINDS:
            raise PermanentError("OpenDSR has no such request.")
        party = Party.of(self.tools, self.processor)
        if goes_by_hand(party, task):
            return ByHand(self.tools, self.processor).carry_out(task)
        with self.tools.database.transaction() as session:
            row = current(session, task, self.processor.id, now=self.tools.clock())
        if row["status"] == NEW:
            row = self._send(party, row, task)
        elif row["status"] not in FINAL:
            row = self._ask(party, row)
        return self._outcome(row)

    def _send(self, party: Party, row: Row, task: ProcessorTask) -> Row:
        """Post the request. A processor that refuses it may have it already: an answer can get lost."""
        answer = party.client.submit(_request(party, row, task))
        if answer.ok:
            return self._take(party, row, answer, read_accepted)
        known = party.client.status(row["id"])
        if known is not None:
            return self._take(party, row, known, read_status)
        if answer.status == CONFLICT:  # it works on another request about this person
            return row
        raise PermanentError(f"The processor refuses the request ({answer.status}).")

    def _ask(self, party: Party, row: Row) -> Row:
        answer = party.client.status(row["id"])
        if answer is None:
            raise PermanentError("The processor does not know the request any more, and never said it was done.")
        return self._take(party, row, answer, read_status)

    def _take(self, party: Party, row: Row, answer: ProcessorAnswer, read: Callable[[bytes], StatusNote]) -> Row:
        """Believe an answer once it is proven; before that it is not even read."""
        proof = party.prove(answer.headers, answer.body)
        note = read(answer.body)
        if note.request_id != row["id"]:
            raise UnreadableAnswerError("The processor's answer is about another request.")
        with self.tools.database.transaction() as session:
            return take(session, note, proof, [self.processor.id], source="status", now=self.tools.clock())

    def _outcome(self, row: Row) -> Outcome:
        now = self.tools.clock()
        if row["status"] == "completed":
            return Done(evidence(row["evidence"]))
        if row["status"] == "cancelled":
            with self.tools.database.transaction() as session:
                give_up(session, row, now=now)
            raise PermanentError("The processor cancelled the request and gave no ground: ask its contact.")
        return Pending(check_at=_look_again_at(row["expected_at"], now))


def goes_by_hand(party: Party, task: ProcessorTask) -> bool:
    """Whether a person must be asked: OpenDSR can only erase, only somebody with an address, and only as a whole.

    The end of a quote's term is no reason to destroy a medical record. So a request goes out where nothing of
    the person has to stay, or where the processor reads which categories are meant and none of those stays.
    """
    if task.action not in ERASING or not task.subject.email:
        return True
    if party.settings.scope == "person":
        return bool(task.stays)
    return not task.categories or any(each.category in task.categories for each in task.stays)


def _request(party: Party, row: Row, task: ProcessorTask) -> Mapping[str, Any]:
    discovery = party.announced().discovery
    if ERASURE not in discovery.request_types:
        raise PermanentError("The processor does not announce that it takes requests to erase.")
    emails = [each for each in (task.subject.email, *task.subject.more_emails) if each]
    scope = {party.settings.domain: {"data_categories": sorted(task.categories)}}
    return erasure_request(
        request_id=row["id"],
        requested_at=task.requested_at,
        identities=email_identities(emails, discovery, party.settings.identity_format),
        callback_url=party.callback_url,
        extensions=scope if party.settings.scope == "categories" else None,
    )


def _look_again_at(expected_at: datetime | None, now: datetime) -> datetime:
    """Return when to ask: when the processor expects to be done, as a net under its callbacks."""
    wait = expected_at - now if expected_at and expected_at > now else OVERDUE
    return now + min(max(wait, SOONEST), LATEST)
