"""The catalogue of everything that is announced between services, as facts in the past tense.

Events carry references and never personal data (design rule 2): a person is a keyed reference, a record
is its id, and whoever needs content asks the owning service. Inside a version events only grow; a field
with a default may be added, nothing is renamed or removed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Final, Literal, get_args

import msgspec

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time with its zone."""

DecisionKind = Literal[
    "inquiry",
    "unsubscribe",
    "erasure",
    "term-end",
    "correction",
    "restriction",
    "objection",
    "withdrawal",
    "portability",
]
DECISION_KINDS: tuple[DecisionKind, ...] = get_args(DecisionKind)

ServiceName = Literal["intake", "dossier", "newsletter", "requests"]
EvidenceGrade = Literal["processor-signed", "re-read", "api-confirmed", "statement", "recounted"]
EvidenceScope = Literal["own-forwarded-copies"]
"""What an outcome is about, where that is less than everything a processor has of the person."""
Outcome = Literal[
    "done",
    "nothing-held",
    "not-addressed",
    "retained",
    "refused",
    "closed-unconfirmed",
    "failed",
    "unsupported",
]
UNCONFIRMED: Final = "closed-unconfirmed"
"""The one outcome that no service may answer: it means that nobody answered, and two people say so."""
TERMINAL: frozenset[Outcome] = frozenset(
    {"done", "nothing-held", "not-addressed", "retained", "refused", "closed-unconfirmed"}
)

ClosingReason = Literal["bankrupt", "dissolved", "unreachable", "no-answer", "system-gone"]
CLOSING_REASONS: tuple[ClosingReason, ...] = get_args(ClosingReason)
"""Why an answer will never come; a closed list, because free words could say something about a person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordRef:
    """A record by its id, the service that owns it, and the data category it belongs to."""

    service: str
    category: str
    id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RetainedPart:
    """A record that stays, the ground on which it stays, and until when (None: until looked at again)."""

    service: str
    category: str
    id: str
    ground: str
    until: Moment | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """One answer that a decision waits for: from a service's own store, or from a processor it faces.

    ``action`` is the decision's kind, or ``read`` for the processor that itself reported the decision.
    """

    service: str
    processor: str | None
    action: str
    due_at: Moment


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What must happen to what, and who must answer; its kind is in the event's type.

    ``refs`` find a person's records; every kind but an unsubscribe and an inquiry acts on ``records``
    only, which a member of staff confirmed. ``register`` is the digest of the register it was taken under.
    """

    decision: str
    issuer: str
    refs: tuple[str, ...]
    records: tuple[RecordRef, ...] = ()
    retained: tuple[RetainedPart, ...] = ()
    ground: str
    decided_by: str
    decided_at: Moment
    register: str
    expected: tuple[Expected, ...]
    reported_by: str | None = None
    case: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceNote:
    """How it is known, what was seen (text without personal data), and the SHA-256 (hex) of that text.

    Where the outcome is about everything that was asked, ``covers`` is not there at all.
    """

    grade: EvidenceGrade
    digest: str
    document: str
    covers: EvidenceScope | msgspec.UnsetType = msgspec.UNSET


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiptIssued:
    """An answer to a decision by a service, for its own store or for a processor it faces.

    ``decision_sha256`` is over the decision's exact bytes. ``counts`` are per data category. ``found`` is
    filled by an inquiry only. Whether the outcome ends the obligation is in ``TERMINAL``.
    """

    decision: str
    decision_sha256: str
    service: str
    processor: str | None
    action: str
    outcome: Outcome
    acted_at: Moment
    evidence: EvidenceNote | None = None
    counts: dict[str, int] = field(default_factory=dict)
    found: tuple[RecordRef, ...] = ()
    retained: tuple[RetainedPart, ...] = ()
    ground: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionRegistered:
    """The ledger has a decision on its chain: from now on the ledger, not the issuer, watches over it."""

    decision: str
    decision_sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DecisionClosed:
    """Every expected answer of a decision is terminal: what was kept for its sake can go."""

    decision: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AnswerClosed:
    """Two members of staff closed an answer that a processor does not give; it ends, and is never counted as done.

    ``proposed_by`` and ``confirmed_by`` are their account names, and never the same. It says nothing of what
    the processor did or has: a receipt that comes after all says more, and takes its place.
    """

    decision: str
    decision_sha256: str
    service: str
    processor: str
    action: str
    reason: ClosingReason
    proposed_by: str
    confirmed_by: str
    acted_at: Moment


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactFormReceived:
    """A contact form was stored; with ``newsletter`` its sender also asked for the newsletter."""

    form: str
    newsletter: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class ContactFormAnswered:
    """Somebody answered a contact form, and said that its sender is this ``client`` of the dossier.

    ``reference`` is what the form is called on the telephone and opens nothing; ``answered_by`` an account name.
    """

    form: str
    reference: str
    answer: str
    client: str
    answered_by: str
    answered_at: Moment


@dataclass(frozen=True, kw_only=True, slots=True)
class SecurityReportReceived:
    """Somebody reported a weakness or misuse (P91); the time to look into it counts from ``received_at``.

    ``reference`` is what it is called on the telephone and opens nothing. ``suspected`` ones a robot may have sent.
    """

    report: str
    reference: str
    received_at: Moment
    suspected: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class MailReturned:
    """A mail that some service had sent came back undelivered; ``status`` says why (RFC 3463), say 5.1.1.

    ``sent`` is the id in its Message-ID: whose mail it was, only the service that sent it can tell.
    """

    sent: str
    status: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgrammeTold:
    """An e-mail programme posted something to us; ``proofs`` are those by which it is known to be the programme.

    What it said stands sealed beside the event, in the inbox of the service that was told, which this never leaves.
    """

    processor: str
    proofs: tuple[str, ...]


Event = (
    Decision
    | ReceiptIssued
    | DecisionRegistered
    | DecisionClosed
    | AnswerClosed
    | ContactFormReceived
    | ContactFormAnswered
    | SecurityReportReceived
    | MailReturned
    | ProgrammeTold
)

ANSWER_CLOSED = "discreet.fact.answer-closed.v1"
CONTACT_FORM_ANSWERED = "discreet.fact.contact-form-answered.v1"
MAIL_RETURNED = "discreet.fact.mail-returned.v1"
PROGRAMME_TOLD = "discreet.fact.programme-told.v1"
SECURITY_REPORT_RECEIVED = "discreet.fact.security-report-received.v1"
FACTS: dict[str, type[Event]] = {
    ANSWER_CLOSED: AnswerClosed,
    "discreet.fact.decision-registered.v1": DecisionRegistered,
    "discreet.fact.decision-closed.v1": DecisionClosed,
    "discreet.fact.contact-form-received.v1": ContactFormReceived,
    CONTACT_FORM_ANSWERED: ContactFormAnswered,
    MAIL_RETURNED: MailReturned,
    SECURITY_REPORT_RECEIVED: SecurityReportReceived,
}
OWN: dict[str, type[Event]] = {PROGRAMME_TOLD: ProgrammeTold}
"""What a service says to itself in its own inbox: it is announced to nobody, and not signed."""
RECEIPT = "discreet.receipt.issued.v1"
CATALOGUE: dict[str, type[Event]] = {
    **{f"discreet.decision.{kind}.v1": Decision for kind in DECISION_KINDS},
    RECEIPT: ReceiptIssued,
    **FACTS,
}


_TYPES = {event_class: name for name, event_class in {RECEIPT: ReceiptIssued, **FACTS, **OWN}.items()}


def standing(outcome: str | None) -> int:
    """Rank what is known of an answer: nothing, trouble on the way, closed by two people, answered.

    Whatever came first, an answer outranks a closing: what a processor says it did is more than that people
    stopped waiting for it. And that something was done outranks that there was nothing to do: after a restore the
    question is answered again, by a service that did it before.
    """
    if outcome is None:
        return 0
    if outcome == UNCONFIRMED:
        return 2
    if outcome in TERMINAL:
        return {"not-addressed": 3, "nothing-held": 4}.get(outcome, 5)
    return 1


def decision_type(kind: str) -> str:
    """Return the event type of a decision of this kind."""
    return f"discreet.decision.{kind}.v1"


def kind_of(event_type: str) -> str | None:
    """Return the kind of decision that an event type stands for, or None when it is no decision."""
    parts = event_type.split(".")
    return parts[2] if len(parts) == 4 and parts[:2] == ["discreet", "decision"] else None


def type_of(event: Event, kind: DecisionKind | None = None) -> str:
    """Return the event type under which ``event`` is announced; a decision needs its ``kind``."""
    if isinstance(event, Decision):
        if kind is None:
            raise ValueError("a decision is announced under its kind")
        return decision_type(kind)
    return _TYPES[type(event)]


def routing_key(event_type: str, publisher: str) -> str:
    """Return the broker's routing key: ``<family>.<name>.<service>``, or ``receipt.<service>``."""
    _, family, name, _ = event_type.split(".")
    return f"receipt.{publisher}" if family == "receipt" else f"{family}.{name}.{publisher}"
