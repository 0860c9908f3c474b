"""What a processor is told of a decision: anything at all, about whom, and what it has of theirs that has to stay."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import msgspec

from shared.errors import KeyDestroyedError
from shared.events import ReceiptIssued
from shared.processors.interface import SubjectIdentifiers
from shared.propagation import giving, receipts, transfers
from shared.propagation.tables import FINISHED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlalchemy.orm import Session

    from shared.events import Decision
    from shared.messaging.applier import Delivery
    from shared.propagation.register import Processor
    from shared.service import Holding, Service, Tools

Records = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Accepting:
    """One decision as it reaches one service, with the service's records that it is about."""

    service: Service
    tools: Tools
    delivery: Delivery
    decision: Decision
    kind: str
    records: Records

    @property
    def kept(self) -> Records:
        """The records of this service that the decision expressly leaves."""
        kept: Records = {}
        for part in self.decision.retained:
            if part.service == self.service.name:
                kept.setdefault(part.category, []).append(part.id)
        return kept


@dataclass(frozen=True, slots=True)
class _Share:
    """What one processor was given: ``told`` is what the decision is about, ``kept`` what it leaves.

    ``beside`` is what the processor has under the same address and the decision says nothing of.
    """

    told: Records
    kept: Records
    beside: Records


def address(session: Session, accepting: Accepting, processor_id: str, action: str) -> Mapping[str, object]:
    """Return an obligation's values for a processor; for one that was given nothing the answer is written here.

    Told is who was given something that the decision is about or expressly leaves. It is told of nobody more
    than it was ever given, and also what it has to leave as it is.
    """
    service, tools = accepting.service, accepting.tools
    processor = tools.register.get(processor_id)
    persons = _persons_of(session, service, accepting.records or accepting.kept)
    if accepting.kind in giving.STOPPING:
        stopped = [*persons, *_flat(accepting.records)]
        giving.supersede(session, tools, processor_id, stopped, now=accepting.delivery.now)
    share = _share_of(session, accepting, processor)
    if not (share.told or share.kept or processor.always):
        return _not_addressed(session, accepting, processor_id, action)
    progress = {
        "retained": [
            msgspec.to_builtins(part)
            for part in accepting.decision.retained
            if part.service == service.name and part.id in share.kept.get(part.category, ())
        ],
        "beside": share.beside,
        "labels": _labels(session, service, share),
    }
    subject = _sealed_subject(session, accepting, processor, action, share.told or share.kept)
    return {"records": share.told, "subject": next(iter(persons), ""), "refs": [], "progress": progress, **subject}


def _share_of(session: Session, accepting: Accepting, processor: Processor) -> _Share:
    kept = accepting.kept
    beside = _beside(session, accepting.service, accepting.records, kept)
    flat = [*_flat(accepting.records), *_flat(kept), *_flat(beside)]
    given = set(flat) if processor.always else set(transfers.held_by(session, processor.id, flat))
    return _Share(_only(given, accepting.records), _only(given, kept), _only(given, beside))


def _beside(session: Session, service: Service, records: Records, kept: Records) -> Records:
    """Return what the service has under the same addresses as these records, and is none of them."""
    refs = {
        ref
        for holding, ids in _held(service, records)
        if holding.refs_of
        for ref in holding.refs_of(session, ids).values()
    }
    named = {*_flat(records), *_flat(kept)}
    found = {holding.category: holding.find(session, refs) for holding in service.holdings} if refs else {}
    return _only(set(_flat(found)) - named, found)


def _sealed_subject(
    session: Session, accepting: Accepting, processor: Processor, action: str, about: Records
) -> Mapping[str, object]:
    """Seal what the processor recognises the person by, as far as it was ever given that."""
    if processor.by_number:
        return {}
    for holding, identifiers in _held(accepting.service, about):
        subject = _identified(session, accepting.tools, holding, identifiers)
        if subject is not None:
            name = giving.seal_name(accepting.decision.decision, processor.id, action)
            sealed = accepting.tools.vault.seal(name, asdict(known_to(processor, subject)))
            return {"sealed": sealed.ciphertext, "key_id": sealed.key_id}
    return {}


def _identified(
    session: Session, tools: Tools, holding: Holding, identifiers: Sequence[str]
) -> SubjectIdentifiers | None:
    """Open who it is; nobody can, where a backup holds a record whose key was destroyed since."""
    try:
        return holding.identify(session, tools, identifiers) if holding.identify else None
    except KeyDestroyedError:
        return None


def known_to(processor: Processor, subject: SubjectIdentifiers) -> SubjectIdentifiers:
    """Leave out what the register does not let the processor have: hearing of an erasure must tell it nothing new."""
    fields = {name for given in processor.receives for name in given.fields}
    return SubjectIdentifiers(
        email=subject.email if "email" in fields else None,
        phone=subject.phone if "phone" in fields else None,
        first_name=subject.first_name if "first_name" in fields else None,
        name=subject.name if "name" in fields else None,
        more_emails=subject.more_emails if "email" in fields else (),
    )


def _labels(session: Session, service: Service, share: _Share) -> dict[str, str]:
    """Return what people outside find each of these records by: numbers and days, which say nothing of anybody."""
    labels: dict[str, str] = {}
    for records in (share.told, share.kept, share.beside):
        for holding, identifiers in _held(service, records):
            labels |= holding.labels(session, identifiers) if holding.labels else {}
    return labels


def _persons_of(session: Session, service: Service, records: Records) -> list[str]:
    """Return the keys of the person whose records these are, one for each address; without refs, the records."""
    persons: list[str] = []
    for holding, identifiers in _held(service, records):
        refs = holding.refs_of(session, identifiers) if holding.refs_of is not None else {}
        persons += [giving.person_key(refs[each]) if each in refs else each for each in identifiers]
    return persons


def _held(service: Service, records: Records) -> Iterator[tuple[Holding, list[str]]]:
    for category, identifiers in records.items():
        holding = service.holding(category)
        if holding is not None:
            yield holding, identifiers


def _only(given: Collection[str], records: Records) -> Records:
    chosen = {category: [each for each in identifiers if each in given] for category, identifiers in records.items()}
    return {category: identifiers for category, identifiers in chosen.items() if identifiers}


def _flat(records: Records) -> list[str]:
    return [each for identifiers in records.values() for each in identifiers]


def _not_addressed(session: Session, accepting: Accepting, processor: str, action: str) -> Mapping[str, object]:
    now = accepting.delivery.now
    receipt = ReceiptIssued(
        decision=accepting.decision.decision,
        decision_sha256=accepting.delivery.stored.digest,
        service=accepting.service.name,
        processor=processor,
        action=action,
        outcome="not-addressed",
        acted_at=now,
    )
    event_id = receipts.issue(session, accepting.tools, receipt, now=now)
    return {"records": {}, "refs": [], "state": FINISHED, "receipt_event_id": event_id, "finished_at": now}
