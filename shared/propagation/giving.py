"""What a service owes a processor by itself: data of somebody who asked for it, until a decision overtakes it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import sqlalchemy as sa

from shared.database import insert_all, wake_after
from shared.many import among, among_given
from shared.propagation import transfers
from shared.propagation.tables import IN_ORDER, OPEN, SUPERSEDED, obligations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.processors.interface import SubjectIdentifiers
    from shared.service import Tools

TRANSFER = "transfer"
"""The kind of an obligation that gives data, without any decision."""

STOPPING = frozenset({"unsubscribe", "erasure", "term-end", "restriction", "objection", "withdrawal"})
"""The kinds after which nothing more of the person is given; a correction only comes after what is given."""

_TO_BE_GIVEN = (
    sa.select(obligations)
    .where(
        obligations.c.kind == TRANSFER,
        obligations.c.processor == sa.bindparam("its_processor"),
        among_given(obligations.c.subject, "subjects"),
        obligations.c.state == OPEN,
        IN_ORDER,
    )
    .with_for_update()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gift:
    """A record that a processor is owed, and by what it knows the person.

    With the person's ``ref`` it keeps its place among everything that this processor is told of that person,
    also about other records of theirs.
    """

    record: str
    subject: SubjectIdentifiers
    ref: str | None = None


def give(
    session: Session,
    tools: Tools,
    processor: str,
    action: str,
    *,
    category: str,
    gifts: Sequence[Gift],
    now: datetime,
) -> None:
    """Owe a processor something of records, each of another person, for instance confirmed subscriptions.

    No decision asks for it, and no receipt follows.

    The transfer rows are written here and not after the call, because the outcome of a call can stay unknown.
    """
    if not gifts:
        return
    records = [gift.record for gift in gifts]
    before = set(transfers.held_by(session, processor, records))
    transfers.record(session, processor, category, records, now=now)
    persons = {(person_key(gift.ref) if gift.ref else gift.record): gift for gift in gifts}
    sealed = tools.vault.seal_many(
        {seal_name("", processor, person): msgspec.to_builtins(gift.subject) for person, gift in persons.items()}
    )
    rows = [
        {
            "kind": TRANSFER,
            "processor": processor,
            "action": action,
            "subject": person,
            "records": {category: [gift.record]},
            "refs": [],
            "requested_at": now,
            "state": OPEN,
            "progress": {"first": gift.record not in before},
            "attempts": 0,
            "next_attempt_at": now,
            "sealed": its.ciphertext,
            "key_id": its.key_id,
        }
        for (person, gift), its in zip(persons.items(), sealed.values(), strict=True)
    ]
    insert_all(session, obligations, rows)
    wake_after(session, "obligation")


def supersede(session: Session, tools: Tools, processor: str, subjects: Sequence[str], *, now: datetime) -> None:
    """Drop what was still to be given of these people; what is being given now is waited out by the workers.

    What was to be given for the first time and was not tried even once, the processor never had.
    """
    waiting = session.connection().execute(_TO_BE_GIVEN, {"its_processor": processor, "subjects": list(subjects)})
    dropped = waiting.mappings().all()
    if not dropped:
        return
    for row in dropped:
        if row["attempts"] == 0 and row["progress"].get("first"):
            transfers.end(session, processor, [each for ids in row["records"].values() for each in ids], now=now)
    session.execute(
        sa.update(obligations)
        .where(among(obligations.c.id, [row["id"] for row in dropped]))
        .values(state=SUPERSEDED, sealed=None, key_id=None)
    )
    tools.vault.destroy_after_commit(session, [row["key_id"] for row in dropped if row["key_id"]])


def person_key(ref: str) -> str:
    """Return what obligations know a person by: of one person, a processor gets one thing at a time, in order."""
    return hashlib.sha256(ref.encode()).hexdigest()[:40]


def seal_name(decision: str, processor: str, part: str) -> str:
    """Return the name under which identifiers are sealed for a decision, a processor, and an action or a record."""
    return f"obligation:{decision}:{processor}:{part}"


def seal_name_of(row: Mapping[str, object]) -> str:
    """Return the name under which an obligation's identifiers were sealed."""
    part = row["action"] if row["decision"] else row["subject"]
    return seal_name(str(row["decision"] or ""), str(row["processor"]), str(part))
