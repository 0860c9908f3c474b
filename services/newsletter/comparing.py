"""Comparing the list at a programme with ours, a page at a time: what it has otherwise is put right, and counted.

First everybody on its list is looked up here; then it is asked about those of ours who were not on it. Where they
differ, the programme is asked about that one person before anything is done, since a list can be older than it
looks. How far it is stands in the database: it can be cut off anywhere, and go on later.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from services.newsletter import comparisons, programmes, records
from services.newsletter.actions import comparing as actions
from services.newsletter.actions.comparing import Suspect
from services.newsletter.comparisons import DAILY, DRY
from services.newsletter.rules import drift
from shared.errors import ConfigurationError, InvalidInputError, OutsideError, PermanentError
from shared.identity import normalise_email
from shared.vault import Sealed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from services.newsletter.processors.interface import Member, MemberState, NewsletterProvider
    from shared.propagation.register import Processor
    from shared.service import Tools

CHUNK = 500  # people looked up at once
OURS = 200  # of ours a step
EVERY = timedelta(days=1)
SLICE = 10.0  # seconds of one turn of the job, which other jobs wait for; its last page may take longer
THERE, HERE = "there", "here"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison; a dry one changes nothing but its own notes."""

    tools: Tools
    programme: str
    provider: NewsletterProvider
    began_at: datetime
    how: str

    def step(self) -> int | None:
        """Compare a page; return how many people were on it, or None when all is compared.

        Raises RetryableError, and goes on at the same page the next time; ConfigurationError where list or field are
        not as the register says, and PermanentError, which end it.
        """
        with self.tools.database.reading() as session:
            place = comparisons.find(session, self.programme, self.began_at)["place"]
        if place is None:
            return None
        side, _, after = place.partition(" ")
        try:
            return self._there(after) if side == THERE else self._here(after)
        except (PermanentError, ConfigurationError):
            self.give_up()
            raise

    def give_up(self) -> None:
        """Note that this comparison does not go on."""
        self._note(None, {"failed": 1})

    def found(self) -> Mapping[str, int]:
        """Return what was found so far."""
        with self.tools.database.reading() as session:
            return dict(comparisons.find(session, self.programme, self.began_at)["found"])

    def _there(self, after: str) -> int:
        """Look everybody on a page of their list up here."""
        if not after:
            self.provider.check()
        page = self.provider.members(after)
        results = Counter[str]()
        for start in range(0, len(page.members), CHUNK):  # a page can be as long as the list
            results += self._look_up(page.members[start : start + CHUNK])
        self._note(f"{THERE} {page.rest}" if page.rest else f"{HERE} ", results)
        return len(page.members)

    def _look_up(self, members: Sequence[Member]) -> Counter[str]:
        people = [(member.state, *its) for member in members if (its := self._addressed(member.email))]
        with self.tools.database.reading() as session:
            known = actions.known_of(session, [ref for _, _, refs in people for ref in refs])
        suspects, seen = [], []
        for theirs, email, refs in people:
            ours = actions.first_known(known, refs)
            if ours is not None:
                seen.append(ours.record)
            if (found := drift(ours.standing if ours else None, theirs)) is not None:
                suspects.append(Suspect(email, refs, ours, found))
        results = self._judge(suspects)
        with self.tools.database.transaction() as session:
            comparisons.note_seen(session, seen, self.began_at)
        results["unreadable"] = len(members) - len(people)
        return results

    def _addressed(self, typed: str) -> tuple[str, tuple[str, ...]] | None:
        """Return an address in its one form, with its references, or None for what is none."""
        try:
            email = normalise_email(typed)
        except InvalidInputError:
            return None
        return email, self.tools.refs.emails(email)

    def _here(self, after: str) -> int:
        """Ask about those of ours who were not on their list."""
        with self.tools.database.reading() as session:
            rows = comparisons.find_unseen(session, self.began_at, after, OURS)
            opened = self.tools.vault.open_many({row.id: Sealed(row.key_id, row.sealed) for row in rows})
            known = actions.known_of(session, [row.ref for row in rows])
        theirs = [row for row in rows if row.id in opened and row.processor in (None, self.programme)]
        suspects = [
            Suspect(email := opened[row.id]["email"], self.tools.refs.emails(email), known[row.ref], "missing-there")
            for row in theirs
        ]
        results = self._judge(suspects)
        results["elsewhere"] = sum(row.processor not in (None, self.programme) for row in rows)
        self._note(f"{HERE} {rows[-1].id}" if len(rows) == OURS else None, results, ended=len(rows) < OURS)
        return len(rows)

    def _judge(self, suspects: Sequence[Suspect]) -> Counter[str]:
        """Put right what differs, each by itself; return what was only found. What was done is noted as it is done."""
        now, results = self.tools.clock(), Counter[str]()
        with self.tools.database.reading() as session:
            busy = actions.unsettled(
                session, self.programme, [each.known for each in suspects if each.known is not None], now
            )
        for suspect in suspects:
            if suspect.known is not None and suspect.known.record in busy:
                results["under-way"] += 1
            elif suspect.drift == "unknown-here" or self.how == DRY:
                results[suspect.drift] += 1
            else:
                self._put_right(suspect)
        return results

    def _put_right(self, suspect: Suspect) -> None:
        now = self.tools.clock()
        state: MemberState | None = None
        try:
            state = self.provider.get_state(suspect.email)
        except PermanentError as error:  # about this person only: the others are compared all the same
            details = {"processor": self.programme, "because": error.detail}
            _log.warning("a programme does not answer about somebody", extra={"fields": details})
        with self.tools.database.transaction() as session:
            result = "unanswered"
            if state is not None:
                result = actions.put_right(session, self.tools, self.programme, suspect, state, now=now)
            comparisons.note(session, self.programme, self.began_at, {result: 1})
            records.count_up(session, f"compare.{result}", now)

    def _note(self, place: str | None, found: Mapping[str, int], *, ended: bool = False) -> None:
        """Remember how far it is, with what was found on the way."""
        at = self.tools.clock() if ended else None
        with self.tools.database.transaction() as session:
            comparisons.note(session, self.programme, self.began_at, found, place=place, ended_at=at)
        if ended:
            _log.info("a list was compared", extra={"fields": {"processor": self.programme, **self.found()}})


def begin(tools: Tools, programme: Processor, how: str) -> Comparison:
    """Begin a comparison."""
    now = tools.clock()
    with tools.database.transaction() as session:
        comparisons.begin(session, programme.id, now, how, f"{THERE} ")
    return Comparison(tools, programme.id, programmes.provider_of(programme), now, how)


def compare_daily(tools: Tools, now: datetime) -> None:
    """Compare a little further, and begin anew each day; what cannot be asked now is asked the next time.

    A command's own comparison counts for the day, and is left to the command as long as that did not give it up.
    """
    programme = programmes.active(tools.register)
    if programme is None:
        return
    with tools.database.reading() as session:
        last = comparisons.last(session, programme.id)
    given_up = last is not None and last["how"] != DAILY and last["place"] is None and last["ended_at"] is None
    if last is None or given_up or not now - EVERY < last["began_at"] <= now:
        comparison = begin(tools, programme, DAILY)
    elif last["place"] is not None and last["how"] == DAILY:
        comparison = Comparison(tools, programme.id, programmes.provider_of(programme), last["began_at"], DAILY)
    else:
        return
    until = time.monotonic() + SLICE
    try:
        while comparison.step() is not None and time.monotonic() < until:
            pass
    except (OutsideError, ConfigurationError) as error:
        details = {"processor": programme.id, "because": error.detail}
        _log.warning("a programme's list could not be compared", extra={"fields": details})
