"""An own store is an obligation like any other, in durable and repeatable stages.

``act``      the service's holdings change or delete rows; an erasure leaves tombstones
``destroy``  the data keys of what was deleted are destroyed, in the key database
``count``    everything is counted again, by another query
``answer``   the receipt

Each stage commits before the next begins, so a crash anywhere resumes at the stage it was in.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from shared.database import insert_once
from shared.errors import RetryableError
from shared.events import EvidenceNote, ReceiptIssued, RecordRef, RetainedPart
from shared.failpoints import reach
from shared.processors.interface import evidence_of
from shared.propagation.obligations import BY_REFS, current_records, lock_records
from shared.propagation.tables import CLAIMED, obligations, tombstones

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.events import Outcome
    from shared.service import Holding, Service, Tools

ERASING = frozenset({"erasure", "term-end"})
Row = dict[str, Any]


class StillPresentError(RetryableError):
    """The second count found what the first had done away with."""


class TakenOverError(Exception):
    """Our lease ran out and another worker took the obligation over: what we were about to write is undone."""


def carry_out(service: Service, tools: Tools, row: Row) -> ReceiptIssued:
    """Go through the stages that remain and return the receipt.

    Raises RetryableError when a count is off, and begins anew at the next attempt. Raises TakenOverError.
    """
    if row["stage"] is None:
        _act(service, tools, row)
    if row["stage"] == "destroy":
        reach("own_store.act_committed")
        tools.vault.destroy(row["progress"]["keys"])
        reach("own_store.destroyed")
        _advance(tools, row, "count")
    reach("own_store.counting")
    return _count(service, tools, row)


def _act(service: Service, tools: Tools, row: Row) -> None:
    now = tools.clock()
    with tools.database.transaction() as session:
        lock_records(session, service, row["refs"], row["records"])
        records = _current_records(session, service, row)
        # What an earlier attempt has done stays done: it is counted in, and its keys are destroyed again.
        changed = Counter(row["progress"].get("changed", {}))
        keys = list(row["progress"].get("keys", ()))
        unsupported: list[str] = []
        for holding, identifiers in records:
            act = holding.acts.get(row["kind"])
            if row["kind"] == "inquiry":
                changed[holding.category] = len(identifiers)
            elif act is None:
                # An unsubscribe is about newsletters; a category with nothing of the kind has nothing to do.
                unsupported += [] if row["kind"] in BY_REFS else [holding.category]
            else:
                if row["kind"] in ERASING:
                    _bury(session, holding, identifiers, row["decision"], now)
                    keys += [key for record in identifiers for key in tools.mail.withdraw(session, record)]
                acted = act.carry_out(session, tools, identifiers, now)
                changed[holding.category] += acted.changed
                keys += acted.keys
        row["records"] = {holding.category: identifiers for holding, identifiers in records}
        row["progress"] |= {"changed": dict(changed), "keys": sorted(set(keys)), "unsupported": unsupported}
        row["stage"] = "destroy"
        _save(session, row)
        reach("own_store.acted")


def _current_records(session: Session, service: Service, row: Row) -> list[tuple[Holding, list[str]]]:
    """Return the records to act on: those found now or still meant now, under the subject's lock."""
    current = current_records(
        session, service, row["kind"], row["records"], row["refs"], decided_at=row["requested_at"]
    )
    return [(holding, current[holding.category]) for holding in service.holdings if holding.category in current]


def _bury(session: Session, holding: Holding, records: list[str], decision: str, now: datetime) -> None:
    """Leave tombstones, before the rows go: a subscription's also holds its ref, against imports."""
    refs: Mapping[str, str] = holding.refs_of(session, records) if holding.refs_of else {}
    rows = [
        {
            "record": record,
            "category": holding.category,
            "decision": decision,
            "ref": refs.get(record),
            "erased_at": now,
        }
        for record in records
    ]
    insert_once(session, tombstones, rows)


def _count(service: Service, tools: Tools, row: Row) -> ReceiptIssued:
    progress = row["progress"]
    with tools.database.reading() as session:
        left = {
            category: _left(service.holding(category), session, row["kind"], identifiers)
            for category, identifiers in row["records"].items()
        }
    if row["kind"] != "inquiry" and any(left.values()):
        _advance(tools, row, None)
        raise StillPresentError("a second count found records that are not as decided")
    reach("own_store.counted")
    evidence = evidence_of(
        "recounted",
        {
            "service": service.name,
            "kind": row["kind"],
            "changed": progress["changed"],
            "left": left,
            "keys_destroyed": len(progress["keys"]),
        },
    )
    return ReceiptIssued(
        decision=row["decision"],
        decision_sha256=row["decision_sha256"],
        service=service.name,
        processor=None,
        action=row["action"],
        outcome=_outcome(row),
        acted_at=tools.clock(),
        evidence=EvidenceNote(grade="recounted", digest=evidence.digest, document=evidence.document.decode()),
        counts={category: number for category, number in progress["changed"].items() if number},
        found=_found(service, row) if row["kind"] == "inquiry" else (),
        retained=tuple(msgspec.convert(part, RetainedPart) for part in progress["retained"]),
    )


def _left(holding: Holding | None, session: Session, kind: str, records: list[str]) -> int:
    if holding is None:
        return 0
    if kind == "inquiry":
        return len(holding.present(session, records))
    act = holding.acts.get(kind)
    return act.left(session, records) if act is not None else 0


def _outcome(row: Row) -> Outcome:
    progress = row["progress"]
    if progress["unsupported"]:
        return "unsupported"
    if progress["retained"]:
        return "retained"
    changed = progress["changed"]  # by category, also 0 where everything was as decided already
    return "done" if (any(changed.values()) if row["kind"] in ERASING else changed) else "nothing-held"


def _found(service: Service, row: Row) -> tuple[RecordRef, ...]:
    return tuple(
        RecordRef(service=service.name, category=category, id=identifier)
        for category, identifiers in row["records"].items()
        for identifier in identifiers
    )


def _advance(tools: Tools, row: Row, stage: str | None) -> None:
    row["stage"] = stage
    with tools.database.transaction() as session:
        _save(session, row)


def _save(session: Session, row: Row) -> None:
    values = {"stage": row["stage"], "progress": row["progress"], "records": row["records"]}
    update = sa.update(obligations).where(is_ours(row)).values(values).returning(obligations.c.id)
    if session.execute(update).first() is None:
        raise TakenOverError


def is_ours(row: Row) -> sa.ColumnElement[bool]:
    """Whether an obligation is still claimed as ``row`` was: each claim counts an attempt."""
    return sa.and_(
        obligations.c.id == row["id"], obligations.c.state == CLAIMED, obligations.c.attempts == row["attempts"]
    )
