"""From an obligation to the task a processor gets, and from its outcome to the receipt."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from shared.deadlines import local_date
from shared.events import EvidenceNote, ReceiptIssued, RetainedPart
from shared.processors import interface as processors
from shared.processors.interface import ProcessorTask, Staying, SubjectIdentifiers
from shared.propagation.addressing import known_to
from shared.propagation.giving import seal_name_of
from shared.vault import Sealed

if TYPE_CHECKING:
    from shared.events import Outcome
    from shared.propagation.own_store import Row
    from shared.propagation.register import Processor
    from shared.service import Tools

Final: TypeAlias = processors.Done | processors.NothingHeld | processors.Retained | processors.Refused


def task_of(tools: Tools, row: Row, processor: Processor) -> ProcessorTask:
    """Return what a processor must do. Raises PermanentError when the person can no longer be asked for."""
    labels = row["progress"].get("labels", {})
    retained = _retained(row)
    told = _flat(row) or [part.id for part in retained]
    return ProcessorTask(
        decision_id=row["decision"] or "",
        action=row["action"],
        subject=_subject(tools, row, processor),
        idempotency_key=f"{tools.name}-{row['id']}",
        requested_at=row["requested_at"],
        due_at=row["due_at"],
        # One that was set aside and is tried again counts from nothing, and keeps what the matter was.
        retried_at=tools.clock() if row["attempts"] > 1 or row["problem"] else None,
        categories=tuple(row["records"]),
        records=row["records"],
        labels=tuple(labels[each] for each in told if each in labels),
        stays=(
            *(
                Staying(
                    category=part.category,
                    label=labels.get(part.id),
                    ground=part.ground,
                    until=local_date(part.until) if part.until else None,
                )
                for part in retained
            ),
            *(
                Staying(category=category, label=labels.get(each))
                for category, identifiers in row["progress"].get("beside", {}).items()
                for each in identifiers
            ),
        ),
        state=dict(row["progress"].get("asked", {})),
    )


def receipt_of(tools: Tools, row: Row, outcome: Final) -> ReceiptIssued:
    """Return the receipt for what a processor answered."""
    name, retained, ground = _outcome_of(tools.name, row, outcome)
    evidence = outcome.evidence
    return ReceiptIssued(
        decision=row["decision"],
        decision_sha256=row["decision_sha256"],
        service=tools.name,
        processor=row["processor"],
        action=row["action"],
        outcome=name,
        acted_at=tools.clock(),
        evidence=EvidenceNote(
            grade=evidence.grade,
            digest=evidence.digest,
            document=evidence.document.decode(),
            covers=evidence.covers or msgspec.UNSET,
        ),
        counts=dict(evidence.counts),
        retained=retained,
        ground=ground,
    )


def given_up(row: Row, outcome: Final) -> list[str]:
    """Return which records a processor that was asked to erase has no longer."""
    match outcome:
        case processors.Done():
            return _flat(row)
        case processors.NothingHeld():
            return [*_flat(row), *(part.id for part in _retained(row))]
        case _:
            return []


def _outcome_of(service: str, row: Row, outcome: Final) -> tuple[Outcome, tuple[RetainedPart, ...], str | None]:
    """Return the outcome, what the processor still has, and its ground.

    Who did everything and left what the decision leaves has retained that, as our own store has.
    """
    kept = _retained(row)
    match outcome:
        case processors.Done():
            return ("retained" if kept else "done"), kept, None
        case processors.NothingHeld():
            return "nothing-held", (), None
        case processors.Refused(ground=ground):
            return "refused", kept, ground
        case processors.Retained(ground=ground, until=until):
            moment = datetime.combine(until, time(), UTC) if until else None
            said = [(category, each) for category, identifiers in row["records"].items() for each in identifiers]
            parts = tuple(
                RetainedPart(service=service, category=category, id=record, ground=ground, until=moment)
                for category, record in said or [(part.category, part.id) for part in kept]
            )
            return "retained", (*parts, *kept) if said else parts, ground


def _subject(tools: Tools, row: Row, processor: Processor) -> SubjectIdentifiers:
    """Open what was sealed for the processor; what the service never held is claimed from the decider.

    Nobody is named to who knows our records by their numbers, nor when all that is left to do is to take in an
    answer that came after the obligation was withdrawn.
    """
    if processor.by_number or row["finished_at"] is not None:
        return SubjectIdentifiers()
    if row["sealed"] is not None:
        sealed = Sealed(row["key_id"], row["sealed"])
        return msgspec.convert(tools.vault.open(seal_name_of(row), sealed), SubjectIdentifiers)
    return known_to(processor, tools.claims.identifiers(row["decision"]))


def _retained(row: Row) -> tuple[RetainedPart, ...]:
    return tuple(msgspec.convert(part, RetainedPart) for part in row["progress"].get("retained", ()))


def _flat(row: Row) -> list[str]:
    return [each for identifiers in row["records"].values() for each in identifiers]
