"""What one worker of a service does each second: write the mark, or put right what was put back from a backup.

Catching up goes through these stages, each of which is found again after a crash:

``gather``   every decision since the backup goes into the inbox, from the journal and from every other service
``apply``    the applier takes them like any event
``act``      our own store carries them out; no processor is called and no mail is sent yet
``finish``   what was answered before is settled, keys are destroyed again, and the service goes on as usual
"""

from __future__ import annotations

import logging
import time
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from shared.clock import parse_utc, utc_text
from shared.errors import DiscreetError
from shared.leader import Leadership
from shared.mail.sending import doubt
from shared.messaging.tables import inbox, incarnations, outbox
from shared.propagation.tables import obligations
from shared.restore import finishing, gathering, lives
from shared.restore.noticing import Mark, together
from shared.settings import SERVICES
from shared.vault.reserve import LIFETIME

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.restore.marks import Standing
    from shared.service import Service, Tools

EVERY = 1.0
AGAIN = 5.0
"""Seconds until a service that did not answer is asked once more."""
IN_HAND = LIFETIME + timedelta(minutes=5)
"""For how long a process may still give out a key that it reserved; clocks of two machines may differ."""
_log = logging.getLogger(__name__)


class Keeper:
    """Keeps the marks of one service; of several workers one leads."""

    def __init__(self, service: Service, tools: Tools, *, seconds: Callable[[], float] = time.monotonic) -> None:
        self._service = service
        self._tools = tools
        self._leadership = Leadership(tools.database, "marks")
        self._seconds = seconds
        self._next = 0.0
        self._marked: tuple[int, ...] | None = None

    def step(self) -> bool:
        """Do what is due; there is never more to do at once."""
        if self._seconds() < self._next:
            return False
        self._next = self._seconds() + EVERY
        if self._leadership.hold():
            self.keep()
        return False

    def keep(self) -> None:
        """Write the mark if the data changed since the last, or go one step further with catching up."""
        standing = self._tools.marks.look()
        if standing is None:
            return
        if standing.put_back is not None:
            self._begin(standing)
        elif standing.lives.current.is_catching_up:
            self._catch_up(standing)
        else:
            self._mark(standing)

    def close(self) -> None:
        """Write a last mark, so that also the last second before an end is noticed."""
        if self._leadership.hold():
            standing = self._tools.marks.look()
            if standing is not None and not standing.is_restoring:
                self._mark(standing)
        self._leadership.release()

    def _mark(self, standing: Standing) -> None:
        life = standing.lives.current
        if standing.file is None:  # first, so that nothing is marked where no file can be kept
            self._tools.marks.file.write(Mark(life.id, life.mark))
        with self._tools.database.reading() as session:
            reached = _reached(session)
        if reached == self._marked:
            return
        mark, now = Mark(life.id, life.mark + 1), self._tools.clock()
        with self._tools.key_database.transaction() as session:
            lives.mark_keys(session, mark, now)
        with self._tools.database.transaction() as session:
            if not lives.note(session, life.id, mark=mark.number, marked_at=now):
                return  # it was put back this very moment: the next look says so
        self._tools.marks.file.write(mark)
        self._marked = reached

    def _begin(self, standing: Standing) -> None:
        """Begin a new life, whose number no event had before; what an interrupted one had to put right stays."""
        now, before = self._tools.clock(), standing.lives.current
        put_back = standing.put_back
        unfinished = before if before.is_catching_up else None
        if unfinished:
            put_back = together(put_back, unfinished.put_back)
        life = str(uuid.uuid4())
        with self._tools.database.transaction() as session:
            report = self._plan(session, standing, now)
            if unfinished:
                report |= {name: standing.lives.report[name] for name in ("inbox_after", "obligations_after")}
            values = {"id": life, "number": before.order + 1, "started_at": now, "put_back": put_back, "report": report}
            session.execute(sa.insert(incarnations).values(**values))
            if put_back != "keys":
                doubt(session)
        self._own(life, now)
        self._tools.marks.forget()
        _log.warning("a backup was put back", extra={"fields": {"service": self._tools.name, "put_back": put_back}})

    def _plan(self, session: Session, standing: Standing, now: datetime) -> dict[str, Any]:
        since = lives.last_sure_moment(session)
        marked = standing.keys[1] if standing.keys else since
        return {
            "since": utc_text(since),
            "keys_before": utc_text(max(marked, now - IN_HAND)),
            "inbox_after": session.scalar(sa.select(sa.func.max(inbox.c.id))) or 0,
            "obligations_after": session.scalar(sa.select(sa.func.max(obligations.c.id))) or 0,
            "without": [],
        }

    def _own(self, life: str, now: datetime) -> None:
        """Have the key database and the file say which life this is."""
        with self._tools.key_database.transaction() as session:
            lives.mark_keys(session, Mark(life, 0), now)
        self._tools.marks.file.write(Mark(life, 0))
        self._marked = None

    def _catch_up(self, standing: Standing) -> None:
        current, report, now = standing.lives.current, standing.lives.report, self._tools.clock()
        if standing.file is None or standing.file.incarnation != current.id:
            self._own(current.id, now)  # a crash came between
        if current.put_back != "keys" and "gathered" not in report and not self._gather(standing, now):
            return
        with self._tools.database.reading() as session:
            ready = finishing.is_applied(session, report["inbox_after"]) and finishing.is_carried_out(
                session, report["obligations_after"]
            )
        if ready:
            self._finish(standing, now)

    def _gather(self, standing: Standing, now: datetime) -> bool:
        """Take in every decision since the backup; tell whether everybody was heard."""
        current, report = standing.lives.current, standing.lives.report
        # What was received before stands in our inbox for this term; so what is older and not there is not missing.
        since = parse_utc(report["since"]) - self._tools.policy.term("system.inbox")
        taken = report.get("taken", 0)
        if standing.lives.row["journal_read_at"] is None:
            taken += gathering.read_journal(self._tools, since, now)
            self._note(current.id, journal_read_at=now, report={**report, "taken": taken})
            self._tools.marks.forget()
        peers = [name for name in SERVICES if name != self._tools.name and name not in report["without"]]
        try:
            taken += gathering.ask_everybody(self._tools, peers, since, now)
        except DiscreetError as error:
            self._next = self._seconds() + AGAIN
            _log.warning("not everybody was heard yet", extra={"fields": {"because": error.detail}})
            return False
        self._note(current.id, report={**report, "taken": taken, "gathered": True})
        report["taken"] = taken
        return False  # what was taken in is looked at next time

    def _finish(self, standing: Standing, now: datetime) -> None:
        current, report = standing.lives.current, dict(standing.lives.report)
        report["settled"] = finishing.settle_answered(self._tools, now)
        if current.put_back != "data":
            keys_before = parse_utc(report["keys_before"])
            report["keys_destroyed"] = finishing.destroy_again(self._service, self._tools, keys_before, now)
        report["unreadable"] = finishing.count_unreadable(self._service, self._tools)
        with self._tools.database.transaction() as session:
            for react in self._service.when_caught_up:
                react(session, self._tools, now)
            lives.note(session, current.id, caught_up_at=now, report=report)
        self._tools.marks.forget()
        told = {name: report.get(name, 0) for name in ("taken", "settled", "keys_destroyed", "unreadable")}
        _log.warning(
            "a backup was put right",
            extra={"fields": {"service": self._tools.name, "without": report["without"], **told}},
        )

    def _note(self, life: str, **values: object) -> None:
        with self._tools.database.transaction() as session:
            lives.note(session, life, **values)


def _reached(session: Session) -> tuple[int, ...]:
    """Return how far these tables have come: whatever a service does about a decision is in one of them."""
    return tuple(session.scalar(sa.select(sa.func.max(table.c.id))) or 0 for table in (outbox, inbox, obligations))
