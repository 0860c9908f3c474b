"""The obligation worker: claims, acts, and records outcome and receipt together.

Processors are called one by one, outside any transaction; the own store is done many obligations at a time.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from shared.backoff import pause
from shared.errors import OutsideError, PermanentError, RetryableError
from shared.events import TERMINAL, ReceiptIssued
from shared.failpoints import reach
from shared.processors import interface as processors
from shared.propagation import own_store, receipts, transfers
from shared.propagation.claiming import claim_one, claim_own, what_is_due
from shared.propagation.giving import STOPPING, TRANSFER
from shared.propagation.own_store import TakenOverError
from shared.propagation.rechecks import RECHECK
from shared.propagation.tables import ASKED, CLAIMED, FINISHED, OF_PERSONS, OPEN, PARKED, SUPERSEDED, obligations
from shared.propagation.tasks import given_up, receipt_of, task_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.propagation.own_store import Row
    from shared.service import Service, Tools

ATTEMPTS = 40
LONGEST_PAUSE = timedelta(minutes=30)
AGREEMENT_PAUSE = timedelta(hours=1)
_log = logging.getLogger(__name__)


class ObligationWorker:
    """Works on the obligations of one service; any number of them may run at once."""

    def __init__(self, service: Service, tools: Tools) -> None:
        self._service = service
        self._tools = tools

    def work(self) -> bool:
        """Carry out what ``find`` finds; return whether there was anything."""
        found = self.find()
        if found is not None:
            found()
        return found is not None

    def find(self) -> Callable[[], None] | None:
        """Claim what is due for the own store together or, without any, one thing; return what carries it out."""
        own, other = what_is_due(self._tools)
        if own and (rows := claim_own(self._tools)):
            return partial(self._carry_out_own, rows)
        if other and (row := claim_one(self._tools)):
            return partial(self._attempt, row)
        return None

    def _carry_out_own(self, rows: Sequence[Row]) -> None:
        """Carry out several in stages they share or, when anything is wrong with any of them, one by one."""
        try:
            if len(rows) > 1:
                self._finish_all(rows, own_store.carry_out(self._service, self._tools, rows))
        except Exception as error:  # noqa: BLE001 - whatever it is, they are tried apart
            _log.info("obligations are redone one by one", extra={"fields": {"because": type(error).__qualname__}})
        for row in rows:
            if row["state"] == CLAIMED:
                self._attempt(row)

    def _attempt(self, row: Row) -> None:
        try:
            self._try(row)
        except TakenOverError:
            _log.warning("an obligation was taken over by another worker", extra={"fields": {"obligation": row["id"]}})

    def _try(self, row: Row) -> None:
        try:
            self._carry_out(row)
        except TakenOverError:
            raise
        except RetryableError as error:
            self._put_back(row, error, parked=row["attempts"] >= ATTEMPTS, retry_after=error.retry_after)
        except PermanentError as error:
            self._put_back(row, error, parked=True)
        except Exception as error:  # noqa: BLE001 - a fault in one obligation must not stop the others
            _log.exception("an obligation failed", extra={"fields": {"obligation": row["id"], "action": row["action"]}})
            self._put_back(row, error, parked=row["attempts"] >= ATTEMPTS)

    def _carry_out(self, row: Row) -> None:
        if row["attempts"] > ATTEMPTS:  # none of them ended in an error: each time, the process was gone before
            raise PermanentError("no attempt came to an end")
        if not row["processor"]:
            self._finish(row, own_store.carry_out(self._service, self._tools, [row])[0])
            return
        if row["kind"] == TRANSFER and self._is_overtaken(row):
            self._close(row, None, state=SUPERSEDED)
            return
        processor = self._tools.register.get(row["processor"])
        if row["kind"] == TRANSFER and not processor.may_receive(self._tools.clock().date()):
            self._wait_for_agreement(row)
            return
        adapter = self._service.adapters[processor.adapter](self._tools, processor)
        outcome = adapter.carry_out(task_of(self._tools, row, processor))
        reach("adapter.called")
        if isinstance(outcome, processors.Pending):
            self._wait_for_answer(row, outcome)
        elif row["decision"] is None:
            if row["kind"] == RECHECK and isinstance(outcome, processors.Done):
                _log.warning(
                    "a processor had made data of an erased person anew", extra={"fields": {"obligation": row["id"]}}
                )
            self._close(row, None)
        else:
            self._finish(row, receipt_of(self._tools, row, outcome), gone=given_up(row, outcome))

    def _wait_for_agreement(self, row: Row) -> None:
        """P46: without an agreement in force nothing is given. That is no failed attempt: it waits however long."""
        later = self._tools.clock() + AGREEMENT_PAUSE
        with self._tools.database.transaction() as session:
            self._update(
                session,
                row,
                state=OPEN,
                attempts=row["attempts"] - 1,
                next_attempt_at=later,
                problem="agreement_missing",
            )

    def _is_overtaken(self, row: Row) -> bool:
        """Tell whether a decision came after what was to be given: a failed or cut-off attempt is not repeated then."""
        later = sa.and_(
            obligations.c.processor == row["processor"],
            obligations.c.subject == row["subject"],
            obligations.c.id > row["id"],
            obligations.c.kind.in_(STOPPING),
            OF_PERSONS,
        )
        with self._tools.database.reading() as session:
            return session.scalar(sa.select(obligations.c.id).where(later).limit(1)) is not None

    def _finish_all(self, rows: Sequence[Row], answers: Sequence[ReceiptIssued]) -> None:
        """Record outcomes and announce receipts, as many in one transaction as it may take.

        What an own store cannot do is left as it is, to be parked by itself.
        """
        rest = [(row, each) for row, each in zip(rows, answers, strict=True) if each.outcome in TERMINAL]
        while rest:
            now, done = self._tools.clock(), 0
            with self._tools.database.transaction() as session:
                for some in self._tools.database.slices(rest, "finish"):
                    events = receipts.issue_all(session, self._tools, [receipt for _, receipt in some], now=now)
                    own_store.finish(session, [row for row, _ in some], events, now)
                    done += len(some)
            for row, _ in rest[:done]:
                row["state"] = FINISHED
            rest = rest[done:]

    def _finish(self, row: Row, receipt: ReceiptIssued, *, gone: Sequence[str] = ()) -> None:
        """Record the outcome and announce the receipt, in one transaction."""
        if receipt.outcome not in TERMINAL:
            self._park_with(row, receipt)
            return
        self._close(row, receipt, gone=gone)

    def _close(
        self, row: Row, receipt: ReceiptIssued | None, *, gone: Sequence[str] = (), state: str = FINISHED
    ) -> None:
        now = self._tools.clock()
        with self._tools.database.transaction() as session:
            event_id = receipts.issue(session, self._tools, receipt, now=now) if receipt else None
            if gone and row["kind"] in own_store.ERASING:
                transfers.end(session, row["processor"], gone, now=now)
            self._update(
                session,
                row,
                state=state,
                finished_at=now,
                receipt_event_id=event_id,
                sealed=None,
                key_id=None,
                problem=None,
            )
            self._tools.vault.destroy_after_commit(session, [row["key_id"]] if row["key_id"] else [])

    def _park_with(self, row: Row, receipt: ReceiptIssued) -> None:
        now = self._tools.clock()
        with self._tools.database.transaction() as session:
            receipts.issue(session, self._tools, receipt, now=now)
            # From the start when it is tried again: perhaps by a release that can do it.
            self._update(session, row, state=PARKED, problem=receipt.outcome, stage=None)

    def _wait_for_answer(self, row: Row, pending: processors.Pending) -> None:
        """Look again later; but not at what was withdrawn, which is only looked at when the processor speaks."""
        with self._tools.database.transaction() as session:
            progress = row["progress"] | {"asked": pending.state}
            self._update(
                session,
                row,
                state=SUPERSEDED if row["finished_at"] else ASKED,
                next_attempt_at=pending.check_at,
                progress=progress,
                attempts=0,
                problem=None,
            )

    def _put_back(self, row: Row, error: Exception, *, parked: bool, retry_after: int | None = None) -> None:
        """Try later, or set aside for a person; the ledger is told once of each new kind of trouble."""
        reach("obligation.failed")
        if row["kind"] == TRANSFER and self._is_overtaken(row):
            self._close(row, None, state=SUPERSEDED)
            return
        now = self._tools.clock()
        problem = type(error).__qualname__ + (f": {error.detail}" if isinstance(error, OutsideError) else "")
        problem = problem[:200]
        wait = timedelta(seconds=retry_after) if retry_after else pause(row["attempts"], LONGEST_PAUSE)
        with self._tools.database.transaction() as session:
            if row["decision"] and problem != row["problem"]:
                receipts.issue(session, self._tools, self._failure(row, now, problem), now=now)
            self._update(session, row, state=PARKED if parked else OPEN, next_attempt_at=now + wait, problem=problem)

    def _failure(self, row: Row, now: datetime, problem: str) -> ReceiptIssued:
        return ReceiptIssued(
            decision=row["decision"],
            decision_sha256=row["decision_sha256"],
            service=self._tools.name,
            processor=row["processor"] or None,
            action=row["action"],
            outcome="failed",
            acted_at=now,
            ground=problem,
        )

    def _update(self, session: Session, row: Row, *, state: str, **values: Any) -> None:
        """Write how a claimed obligation goes on. Raises TakenOverError when that is no longer ours to say.

        But what was done was done: it also finishes what was withdrawn or claimed again meanwhile. What was
        withdrawn does not go on in any other way, though trouble with it is told.
        """
        wanted = sa.and_(
            obligations.c.id == row["id"], obligations.c.state == CLAIMED, obligations.c.attempts == row["attempts"]
        )
        if state == FINISHED:
            wanted = sa.and_(obligations.c.id == row["id"], obligations.c.state.in_([CLAIMED, SUPERSEDED]))
        values |= {"state": state, "claimed_until": None}
        update = sa.update(obligations).where(wanted).values(values).returning(obligations.c.id)
        if session.execute(update).first() is None:
            now = session.scalar(sa.select(obligations.c.state).where(obligations.c.id == row["id"]))
            if now != SUPERSEDED:
                raise TakenOverError
