"""What a processor is told of a decision: anything at all, about whom, and what it has of theirs that has to stay."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import chain
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
Values = dict[str, object]


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


def address_all(session: Session, processor_id: str, asked: Sequence[tuple[Accepting, str]]) -> list[Values]:
    """Return an obligation's values for a processor, for each of these decisions of one kind and its action there.

    Told is who was given something that the decision is about or expressly leaves. It is told of nobody more
    than it was ever given, and also what it has to leave as it is. For one that was given nothing the answer is
    written here, for all of those decisions at once.
    """
    first, _ = asked[0]
    tools, now = first.tools, first.delivery.now
    processor = tools.register.get(processor_id)
    persons = _persons_of(session, [accepting for accepting, _ in asked])
    about = [[*_flat(accepting.records), *_flat(accepting.kept)] for accepting, _ in asked]
    if first.kind in giving.STOPPING:
        stopped = [*chain.from_iterable(persons), *chain.from_iterable(_flat(each.records) for each, _ in asked)]
        giving.supersede(session, tools, processor_id, stopped, now=now)
    given = set(transfers.held_by(session, processor_id, list(chain.from_iterable(about))))
    values: list[Values] = []
    quiet: list[tuple[Accepting, str]] = []
    for (accepting, action), theirs, records in zip(asked, persons, about, strict=True):
        if processor.always or not given.isdisjoint(records):
            values.append(_address(session, accepting, processor, action, theirs))
        else:
            quiet.append((accepting, action))
            values.append({"records": {}, "refs": [], "state": FINISHED, "finished_at": now})
    events = iter(_not_addressed(session, quiet, processor_id))
    return [{**each, "receipt_event_id": next(events)} if "state" in each else each for each in values]


def _address(
    session: Session, accepting: Accepting, processor: Processor, action: str, persons: Sequence[str]
) -> Values:
    service = accepting.service
    share = _share_of(session, accepting, processor)
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
    found = {holding.category: list(holding.find(session, refs)) for holding in service.holdings} if refs else {}
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


def _persons_of(session: Session, asked: Sequence[Accepting]) -> list[list[str]]:
    """Return the keys of the person whose records each is about, one for each address; without refs, the records."""
    about = [accepting.records or accepting.kept for accepting in asked]
    refs: dict[str, Mapping[str, str]] = {}
    for holding in asked[0].service.holdings:
        theirs = [each for records in about for each in records.get(holding.category, ())]
        refs[holding.category] = holding.refs_of(session, theirs) if theirs and holding.refs_of else {}
    return [
        [
            giving.person_key(refs[category][each]) if each in refs[category] else each
            for category, identifiers in records.items()
            if category in refs
            for each in identifiers
        ]
        for records in about
    ]


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


def _not_addressed(session: Session, asked: Sequence[tuple[Accepting, str]], processor: str) -> list[str]:
    if not asked:
        return []
    answers = [
        ReceiptIssued(
            decision=accepting.decision.decision,
            decision_sha256=accepting.delivery.stored.digest,
            service=accepting.service.name,
            processor=processor,
            action=action,
            outcome="not-addressed",
            acted_at=accepting.delivery.now,
        )
        for accepting, action in asked
    ]
    first, _ = asked[0]
    traces = [accepting.delivery.envelope.traceparent for accepting, _ in asked]
    return receipts.issue_all(session, first.tools, answers, now=first.delivery.now, traces=traces)
