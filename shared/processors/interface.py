"""The port between an obligation and the outside party that must carry it out.

A worker hands an adapter one `ProcessorTask`, outside any transaction, and records what comes back::

    Done          the processor did it                      terminal
    NothingHeld   the processor itself says it has nothing  terminal
    Retained      it keeps something, on a ground           terminal, with a follow-up
    Refused       it will not                               terminal, with its ground
    Pending       asked, not answered yet; ask again at     not terminal

    RetryableError        another attempt may succeed (the worker decides when)
    └─ ContradictedError  the processor said yes and a second look says no
    PermanentError        no attempt will succeed until somebody changes something
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from shared.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

Grade: TypeAlias = Literal["processor-signed", "re-read", "api-confirmed", "statement", "recounted"]
Scope: TypeAlias = Literal["own-forwarded-copies"]


class ContradictedError(RetryableError):
    """The processor confirmed the act, and its own answer to a later question denies it."""


@dataclass(frozen=True, kw_only=True)
class SubjectIdentifiers:
    """What a processor may need to recognise a person; kept out of every `repr`, for traces and logs.

    `more_emails` are further addresses under which the same decision names records of this person.
    """

    email: str | None = field(default=None, repr=False)
    phone: str | None = field(default=None, repr=False)
    first_name: str | None = field(default=None, repr=False)
    name: str | None = field(default=None, repr=False)
    more_emails: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, kw_only=True)
class Staying:
    """A record the processor has of the same person, or under the same address, and must leave as it is.

    `label` is what people find it by, such as an invoice's number. `ground` and `until`, the first day on which
    it may go, say why it stays; both are None for a record that the decision is not about.
    """

    category: str
    label: str | None = None
    ground: str | None = None
    until: date | None = None


@dataclass(frozen=True, kw_only=True)
class ProcessorTask:
    """One thing one processor must do about one person.

    `action` is a kind of decision (`unsubscribe`, `erasure`, `term-end`, `inquiry`, ...) or `read`,
    which asks whether a processor that reported a decision really acts on it.
    `idempotency_key` stays the same over every attempt at the same obligation.
    `requested_at` is aware UTC, and so is `due_at`, by when the ledger expects the answer. `records` are the ids
    of what the task is about, by the register's data categories, which are also in `categories`; `labels` is
    what people find these records by. `stays` is what must not be touched: an adapter that can only act on all
    that a processor has of a person leaves the task to people while there is any.
    `retried_at` is when this attempt began, where it is not the first: an earlier one, of which nobody knows how far it
    came, may have had its effect at any time before that.
    `corrected` holds the new values of a correction by field name; `state` is what the adapter
    itself left behind in its last `Pending`.
    """

    decision_id: str
    action: str
    subject: SubjectIdentifiers
    idempotency_key: str
    requested_at: datetime
    due_at: datetime | None = None
    retried_at: datetime | None = None
    categories: tuple[str, ...] = ()
    records: Mapping[str, Sequence[str]] = field(default_factory=dict)
    labels: tuple[str, ...] = ()
    stays: tuple[Staying, ...] = ()
    corrected: Mapping[str, str] = field(default_factory=dict, repr=False)
    state: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """How an outcome is known.

    `document` is what the digest in the receipt is taken over: the raw signed answer where a
    processor signs, otherwise canonical JSON of what was seen, without personal data.
    `counts` says how many items were found or removed, per data category. `covers` says what the outcome is
    about where an adapter cannot see all that its processor has: only the copies that we forwarded to it ourselves.
    """

    grade: Grade
    document: bytes
    counts: Mapping[str, int] = field(default_factory=dict)
    covers: Scope | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the document, in lower-case hex."""
        return hashlib.sha256(self.document).hexdigest()


def evidence_of(
    grade: Grade, seen: Mapping[str, Any], counts: Mapping[str, int] | None = None, *, covers: Scope | None = None
) -> Evidence:
    """Return evidence over `seen` as canonical JSON: sorted keys, no spaces, UTF-8."""
    text = json.dumps(seen, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Evidence(grade=grade, document=text.encode(), counts=dict(counts or {}), covers=covers)


@dataclass(frozen=True)
class Done:
    """The processor did what was asked."""

    evidence: Evidence


@dataclass(frozen=True)
class NothingHeld:
    """The processor itself answered that it holds nothing of this person."""

    evidence: Evidence


@dataclass(frozen=True)
class Retained:
    """The processor keeps something on `ground`, `until` that day; none when it named no day."""

    ground: str
    until: date | None
    evidence: Evidence


@dataclass(frozen=True)
class Refused:
    """The processor will not do it, on `ground`."""

    ground: str
    evidence: Evidence


@dataclass(frozen=True)
class Pending:
    """The processor was asked; look again at `check_at` (aware UTC) with `state` in the task."""

    check_at: datetime
    state: dict[str, Any] = field(default_factory=dict, repr=False)


Outcome: TypeAlias = Done | NothingHeld | Retained | Refused | Pending


class Adapter(Protocol):
    """One processor, as the obligation worker sees it."""

    def carry_out(self, task: ProcessorTask) -> Outcome:
        """Do the task or say where it stands.

        Never sleeps, never retries, and gives every call a time-out; safe to repeat with the same
        task. Raises RetryableError or PermanentError, never an error of a library.
        """
        ...
