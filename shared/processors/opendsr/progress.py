"""How far each request is: made once for an obligation, moved forward only, whoever brings the news."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from shared.database import insert_once
from shared.errors import NotFoundError
from shared.processors.opendsr.evidence import shown
from shared.processors.opendsr.tables import NEW, opendsr_requests

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.processors.interface import ProcessorTask
    from shared.processors.opendsr.party import Proof
    from shared.processors.opendsr.wire import StatusNote

Row = Mapping[Any, Any]
"""A request as it is stored."""

ORDER = {NEW: 0, "pending": 1, "in_progress": 2, "completed": 3, "cancelled": 3}
FINAL = frozenset({"completed", "cancelled"})
_log = logging.getLogger(__name__)


def current(session: Session, task: ProcessorTask, processor: str, *, now: datetime) -> Row:
    """Return the request of an obligation, made when there is none yet or the last one was given up."""
    query = (
        sa.select(opendsr_requests)
        .where(opendsr_requests.c.idempotency_key == task.idempotency_key)
        .order_by(opendsr_requests.c.number.desc())
        .limit(1)
    )
    last = session.execute(query).mappings().first()
    if last is not None and last["given_up_at"] is None:
        return last
    row: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "idempotency_key": task.idempotency_key,
        "number": last["number"] + 1 if last else 1,
        "decision": task.decision_id,
        "processor": processor,
        "action": task.action,
        "status": NEW,
        "seen": [],
        "asked_at": now,
    }
    insert_once(session, opendsr_requests, [row])
    return session.execute(query).mappings().one()


def take(
    session: Session,
    note: StatusNote,
    proof: Proof,
    processors: Collection[str],
    *,
    source: str,
    now: datetime,
) -> Row:
    """Record what a processor said of a request and return the request as it is then.

    Said again, it changes nothing; nothing in a callback says when it was written, and an old one can be played
    back. A status that cannot follow the one there was is flagged and never applied. ``source`` is ``callback``
    or ``status``, which is an answer of this moment. Raises NotFoundError.
    """
    query = sa.select(opendsr_requests).where(
        opendsr_requests.c.id == note.request_id, opendsr_requests.c.processor.in_(processors)
    )
    row = session.execute(query.with_for_update()).mappings().first()
    if row is None:
        raise NotFoundError("There is no such request.")
    if ORDER[note.status] > ORDER[row["status"]]:
        return _changed(session, row, _forward(row, note, proof, source, now))
    is_of_now = source == "status"
    if note.status == row["status"]:
        return _changed(session, row, {"expected_at": note.expected_at} if is_of_now and note.expected_at else {})
    # While we asked, a callback may have ended it: that answer was true when it was given.
    if note.status not in row["seen"] or (is_of_now and row["status"] not in FINAL):
        _log.warning(
            "a processor took back what it said of a request",
            extra={"fields": {"request": row["id"], "said": note.status, "before": row["status"]}},
        )
        return _changed(session, row, {"contradicted_by": note.status})
    return row


def give_up(session: Session, row: Row, *, now: datetime) -> None:
    """Let the next attempt at the obligation be a new request: this one the processor cancelled."""
    _changed(session, row, {"given_up_at": now})


def _forward(row: Row, note: StatusNote, proof: Proof, source: str, now: datetime) -> dict[str, Any]:
    values: dict[str, Any] = {
        "status": note.status,
        "seen": [*row["seen"], note.status],
        "expected_at": note.expected_at,
    }
    if note.status in FINAL:
        values |= {"closed_at": now, "evidence": shown(proof, source=source, request_id=row["id"])}
    return values


def _changed(session: Session, row: Row, values: Mapping[str, Any]) -> Row:
    if values:
        session.execute(sa.update(opendsr_requests).where(opendsr_requests.c.id == row["id"]).values(**values))
    return {**row, **values}
