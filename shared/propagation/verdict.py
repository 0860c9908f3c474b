"""What a proof shows, answer by answer, and what it cannot show: never more than is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from shared.events import TERMINAL, UNCONFIRMED, AnswerClosed, ReceiptIssued, standing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from shared.events import Decision, Expected, Outcome

LIMITS = {
    "processor-signed": "The processor signed its answer; that it speaks the truth rests on its word.",
    "re-read": "The processor was asked again after the act and no longer showed the data; its backups were not seen.",
    "api-confirmed": "The processor's system confirmed the act; nobody looked again.",
    "statement": "A named person at the processor declared it; nobody looked.",
    "recounted": "The service counted its own store again by another query; it speaks for itself.",
}

SCOPES = {
    "own-forwarded-copies": "About the mails that were forwarded to it and nothing else: replies, copies in other "
    "mailboxes and its backups were not seen.",
}

Word: TypeAlias = ReceiptIssued | AnswerClosed
"""What is said of an answer that a decision waits for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One expected answer as the proof shows it; ``outcome`` is None while nothing came.

    ``closings`` say who closed it without an answer and why, also when an answer came later.
    """

    service: str
    processor: str | None
    action: str
    outcome: str | None
    evidence: str | None
    covers: str | None
    acted_at: datetime | None
    terminal: bool
    closings: Sequence[AnswerClosed] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a proof shows. It never says more: ``origin_checked`` is False when no root fingerprint was given."""

    decision: Decision
    kind: str
    mode: str
    root_fingerprint: str
    origin_checked: bool
    head: str
    head_seq: int
    findings: Sequence[Finding]
    cannot_show: Sequence[str] = field(default_factory=tuple)

    @property
    def complete(self) -> bool:
        """Whether nothing is waited for any more; what was closed without an answer is in ``unconfirmed``."""
        return all(finding.terminal for finding in self.findings)

    @property
    def unconfirmed(self) -> Sequence[Finding]:
        """The answers that nobody gave and two people closed: nobody knows what became of those data."""
        return tuple(finding for finding in self.findings if finding.outcome == UNCONFIRMED)


def finding_of(expected: Expected, words: Sequence[Word]) -> Finding:
    """Return what is known of an answer: the word on it that says most, and of those the last."""
    said = [word for word in words if (word.service, word.processor) == (expected.service, expected.processor)]
    last = max(said, key=lambda word: (standing(_outcome(word)), word.acted_at), default=None)
    evidence = last.evidence if isinstance(last, ReceiptIssued) else None
    return Finding(
        service=expected.service,
        processor=expected.processor,
        action=expected.action,
        outcome=_outcome(last) if last else None,
        evidence=evidence.grade if evidence else None,
        covers=(evidence.covers or None) if evidence else None,
        acted_at=last.acted_at if last else None,
        terminal=last is not None and _outcome(last) in TERMINAL,
        closings=[word for word in said if isinstance(word, AnswerClosed)],
    )


def _outcome(word: Word) -> Outcome:
    return word.outcome if isinstance(word, ReceiptIssued) else UNCONFIRMED


def cannot_show(findings: Sequence[Finding], *, origin_checked: bool) -> Iterator[str]:
    """Yield in words what nobody can learn from the proof."""
    if not origin_checked:
        yield "Whose root key this is: compare the fingerprint with one the clinic gave you by another way (--root)."
    yield "That the chain was not cut off and begun anew: compare the head with one that was mailed earlier."
    if any(finding.outcome == "not-addressed" for finding in findings):
        yield "not-addressed rests on the clinic's own record of whom it gave data to."
    for finding in findings:
        for closing in finding.closings if finding.outcome == UNCONFIRMED else ():
            yield (
                f"What became of the data at {closing.processor}: it never answered. "
                f"Closed without confirmation by {closing.proposed_by} and {closing.confirmed_by} ({closing.reason})."
            )
    for finding in findings:
        if finding.covers:
            yield f"{finding.processor}: {SCOPES[finding.covers]}"
    for grade in sorted({finding.evidence for finding in findings if finding.evidence}):
        yield f"{grade}: {LIMITS[grade]}"
