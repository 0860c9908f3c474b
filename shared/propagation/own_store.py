"""An own store is an obligation like any other, in durable and repeatable stages.

``act``      the service's holdings change or delete rows; an erasure leaves tombstones
``destroy``  the data keys of what was deleted are destroyed, in the key database
``count``    everything is counted again, by another query
``answer``   the receipt

Each stage commits before the next begins, so a crash anywhere resumes at the stage it was in. Many obligations go
through a stage together; what one of them owes the others is nothing, so that each can also go alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from shared.database import insert_once
from shared.errors import RetryableError
from shared.events import EvidenceNote, ReceiptIssued, RecordRef, RetainedPart
from shared.failpoints import reach
from shared.many import update_each
from shared.processors.interface import evidence_of
from shared.propagation.obligations import BY_REFS, About, current_records, lock_records
from shared.propagation.tables import CLAIMED, FINISHED, SUPERSEDED, obligations, tombstones

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.events import Outcome
    from shared.propagation.addressing import Records
    from shared.service import Changed, Holding, Service, Tools

ERASING = frozenset({"erasure", "term-end"})
Row = dict[str, Any]


class StillPresentError(RetryableError):
    """The second count found what the first had done away with."""


class EntangledError(Exception):
    """Two obligations of a batch are about one record: what was done for whom shows only when each goes alone."""


class TakenOverError(Exception):
    """Our lease ran out and another worker took the obligation over: what we were about to write is undone."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One obligation's part in what is done for several together."""

    row: Row
    records: Records
    changed: Counter[str]
    keys: list[str]
    unsupported: list[str]

    @property
    def values(self) -> Row:
        """What is kept of it until its receipt."""
        done = {"changed": dict(self.changed), "keys": sorted(set(self.keys)), "unsupported": self.unsupported}
        return {"stage": "destroy", "records": self.records, "progress": self.row["progress"] | done}


def carry_out(service: Service, tools: Tools, rows: Sequence[Row]) -> list[ReceiptIssued]:
    """Go through the stages that remain, for all of these together, and return a receipt for each.

    Raises RetryableError when a count is off, and one alone then begins anew at its next attempt. Raises
    TakenOverError. Of several none of that is one's own fault: the worker then takes them one by one.
    """
    while waiting := [row for row in rows if row["stage"] is None]:
        _act(service, tools, waiting)
    if acted := [row for row in rows if row["stage"] == "destroy"]:
        reach("own_store.act_committed")
        tools.vault.destroy([key for row in acted for key in row["progress"]["keys"]])
        reach("own_store.destroyed")
        _advance(tools, acted, "count")
    reach("own_store.counting")
    return _count(service, tools, rows)


def _act(service: Service, tools: Tools, rows: Sequence[Row]) -> None:
    """Act for as many as one transaction may take, in their order; those that are alike at once."""
    now = tools.clock()
    acted: list[_Part] = []
    with tools.database.transaction() as session:
        lock_records(session, service, [_about(row) for row in rows])
        for some in tools.database.slices(rows, "act", lambda row: str(row["kind"])):
            for kind, alike in groupby(some, key=lambda row: row["kind"]):
                parts = _parts(session, service, kind, list(alike))
                for holding in service.holdings:
                    _act_on(session, tools, holding, parts, now)
                acted += parts
        _save(session, [{**part.row, **part.values} for part in acted], ("stage", "progress", "records"))
        reach("own_store.acted")
    for part in acted:
        part.row.update(part.values)


def _parts(session: Session, service: Service, kind: str, rows: Sequence[Row]) -> list[_Part]:
    """Find the records to act on: those found now or still meant now, under the subject's lock."""
    records = current_records(session, service, kind, [_about(row) for row in rows])
    return [
        # What an earlier attempt has done stays done: it is counted in, and its keys are destroyed again.
        _Part(row, theirs, Counter(row["progress"].get("changed", {})), list(row["progress"].get("keys", ())), [])
        for row, theirs in zip(rows, records, strict=True)
    ]


def _about(row: Row) -> About:
    return About(row["refs"], row["records"], row["requested_at"])


def _act_on(session: Session, tools: Tools, holding: Holding, parts: Sequence[_Part], now: datetime) -> None:
    kind = parts[0].row["kind"]
    concerned = [part for part in parts if part.records.get(holding.category)]
    act = holding.acts.get(kind)
    if kind == "inquiry":
        for part in concerned:
            part.changed[holding.category] = len(part.records[holding.category])
    elif act is None:
        # An unsubscribe is about newsletters; a category with nothing of the kind has nothing to do.
        for part in concerned:
            part.unsupported.extend([] if kind in BY_REFS else [holding.category])
    elif concerned:
        whose = _whose(holding, concerned)
        freed: Changed = {}
        if kind in ERASING:
            _bury(session, holding, whose, now)
            freed = tools.mail.withdraw(session, whose)
        changed = act.carry_out(session, tools, list(whose), now)
        for part in concerned:
            part.changed[holding.category] += 0  # also where everything was as decided already
        for record, part in whose.items():
            part.changed[holding.category] += record in changed
            part.keys.extend([*freed.get(record, ()), *changed.get(record, ())])


def _whose(holding: Holding, parts: Sequence[_Part]) -> dict[str, _Part]:
    """Return which obligation each record belongs to. Raises EntangledError when that is several."""
    whose = {record: part for part in parts for record in part.records[holding.category]}
    if len(parts) > 1 and len(whose) < sum(len(part.records[holding.category]) for part in parts):
        raise EntangledError
    return whose


def _bury(session: Session, holding: Holding, whose: Mapping[str, _Part], now: datetime) -> None:
    """Leave tombstones, before the rows go: a subscription's also holds its ref, against imports."""
    refs: Mapping[str, str] = holding.refs_of(session, list(whose)) if holding.refs_of else {}
    rows = [
        {
            "record": record,
            "category": holding.category,
            "decision": part.row["decision"],
            "ref": refs.get(record),
            "erased_at": now,
        }
        for record, part in whose.items()
    ]
    insert_once(session, tombstones, rows)


def _count(service: Service, tools: Tools, rows: Sequence[Row]) -> list[ReceiptIssued]:
    left: list[dict[str, int]] = [dict.fromkeys(row["records"], 0) for row in rows]
    with tools.database.reading() as session:
        for holding in service.holdings:
            for kind in dict.fromkeys(row["kind"] for row in rows):
                _count_again(session, holding, kind, rows, left)
    if any(any(each.values()) for row, each in zip(rows, left, strict=True) if row["kind"] != "inquiry"):
        if len(rows) == 1:
            _advance(tools, rows, None)
        raise StillPresentError("a second count found records that are not as decided")
    reach("own_store.counted")
    return [_receipt(service, tools, row, each) for row, each in zip(rows, left, strict=True)]


def _count_again(
    session: Session, holding: Holding, kind: str, rows: Sequence[Row], left: Sequence[dict[str, int]]
) -> None:
    """Count by another query what is left of one category: for all of one kind at once, since that must be nothing."""
    concerned = {
        number: row["records"][holding.category]
        for number, row in enumerate(rows)
        if row["kind"] == kind and row["records"].get(holding.category)
    }
    records = [record for theirs in concerned.values() for record in theirs]
    if kind == "inquiry":
        present = set(holding.present(session, records)) if records else set()
        for number, theirs in concerned.items():
            left[number][holding.category] = len(present.intersection(theirs))
    elif records and (act := holding.acts.get(kind)):
        left[next(iter(concerned))][holding.category] = act.left(session, records)


def _receipt(service: Service, tools: Tools, row: Row, left: Mapping[str, int]) -> ReceiptIssued:
    progress = row["progress"]
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


def _advance(tools: Tools, rows: Sequence[Row], stage: str | None) -> None:
    with tools.database.transaction() as session:
        _save(session, [{**row, "stage": stage} for row in rows], ("stage",))
    for row in rows:
        row["stage"] = stage


def _save(session: Session, rows: Sequence[Row], names: Sequence[str]) -> None:
    ours = sa.and_(
        obligations.c.id == sa.bindparam("its_id"),
        obligations.c.state == CLAIMED,
        obligations.c.attempts == sa.bindparam("its_attempts"),
    )
    saving = sa.update(obligations).where(ours).values({name: sa.bindparam(name) for name in names})
    values = [
        {"its_id": row["id"], "its_attempts": row["attempts"], **{name: row[name] for name in names}} for row in rows
    ]
    if update_each(session, saving, values) != len(rows):
        raise TakenOverError


def finish(session: Session, rows: Sequence[Row], events: Sequence[str], now: datetime) -> None:
    """Note the receipts of several, also of what was withdrawn or claimed again meanwhile: what was done was done.

    Raises TakenOverError when one of them has its receipt already.
    """
    ended = sa.and_(
        obligations.c.id == sa.bindparam("its_id"),
        sa.or_(obligations.c.state == CLAIMED, obligations.c.state == SUPERSEDED),
    )
    finishing = (
        sa.update(obligations)
        .where(ended)
        .values(
            state=FINISHED, finished_at=now, claimed_until=None, problem=None, receipt_event_id=sa.bindparam("event")
        )
    )
    values = [{"its_id": row["id"], "event": event} for row, event in zip(rows, events, strict=True)]
    if update_each(session, finishing, values) != len(rows):
        raise TakenOverError
