"""What a request may do in which state, by when it is answered, and what a decision must say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

from dateutil.relativedelta import relativedelta

from shared.deadlines import due_on
from shared.errors import ConflictError, ForbiddenError, InvalidInputError
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import date

    from shared.auth import Principal
    from shared.events import RecordRef
    from shared.policy.parts import Clocks

State = Literal["received", "identity_pending", "verified", "assessed", "decided", "executing", "executed", "closed"]
STATES: tuple[State, ...] = get_args(State)
UNIDENTIFIED = frozenset({"received", "identity_pending"})
UNDECIDED = UNIDENTIFIED | {"verified", "assessed"}
UNANSWERED = frozenset({"decided", "executed"})
"""The answer is written and could not be mailed: it waits until staff record how it was delivered."""

Channel = Literal["form", "post", "e-mail", "counter", "phone"]
Method = Literal["counter", "known-account", "call-back", "masked-copy-seen"]
DocumentType = Literal["passport", "id-card", "driving-licence", "residence-document", "none-needed"]
Doubt = Literal["contradicting-data", "unreadable-copy", "no-answer", "address-not-known", "document-expired", "other"]
"""A closed list, because free words about a person would have to be sealed."""
ExtensionReason = Literal["complexity", "number"]
Outcome = Literal["grant", "partly", "refuse"]
OUTCOME_NAMES: dict[str, str] = {"grant": "granted", "partly": "partly", "refuse": "refused"}

WARN_DAYS = 5
ADMINISTRATIVE = frozenset(
    {"clients", "leads", "appointments", "contacts", "contact-history", "quotes", "invoices", "payments"}
)
"""The categories of the dossier that hold nothing medical; of every other one a physician decides."""
DOSSIER = "dossier"
REFERENCE_LETTERS = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Days:
    """By when a request is answered, and what moved that."""

    received_on: date
    extended: bool = False
    paused_days: int = 0


def reference_of(year: int, entropy: bytes) -> str:
    """Return the label people use on the telephone, such as W-2026-7KQ4-M2XA; it opens nothing."""
    letters = "".join(REFERENCE_LETTERS[byte % len(REFERENCE_LETTERS)] for byte in entropy[:8])
    return f"W-{year}-{letters[:4]}-{letters[4:]}"


def answer_due(days: Days, clocks: Clocks) -> date:
    """Return the last day to answer: a month from receipt, two more when extended (AVG art. 12(3), X2)."""
    length = clocks.answer.length + (clocks.extension.length if days.extended else relativedelta())
    return due_on(days.received_on, length + relativedelta(days=days.paused_days))


def target_day(days: Days, clocks: Clocks) -> date:
    """Return the clinic's own target: the law's month is the outer limit of "without undue delay"."""
    return days.received_on + clocks.target.length + timedelta(days=days.paused_days)


def extendable_until(days: Days, clocks: Clocks) -> date:
    """Return the last day on which an extension can still be told in time (AVG art. 12(3))."""
    return answer_due(Days(days.received_on, paused_days=days.paused_days), clocks)


def require_state(state: str, allowed: Collection[str], act: Both) -> None:
    """Raise ConflictError that names the state, unless the act is one for this state."""
    if state not in allowed:
        raise ConflictError(
            Both(
                f"{act.dutch} kan niet in de stand '{state}'; wel in: {', '.join(sorted(allowed))}.",
                f"{act} is not possible in state '{state}'; it is in: {', '.join(sorted(allowed))}.",
            )
        )


def require_person(principal: Principal) -> None:
    """Raise ForbiddenError for a program: no request is decided without a person (P57, AVG art. 22)."""
    if principal.roles & {"tool", "service"}:
        raise ForbiddenError(Both("Een mens moet dit besluiten.", "A person has to decide this."))


def check_proof(method: str, document_type: str, *, email: bool) -> None:
    """Refuse an identity that rests on a telephone number alone: one line can have two people.

    An e-mail address that was proved is enough; without it a document must have been seen.
    Raises InvalidInputError.
    """
    seen = method in ("counter", "masked-copy-seen")
    if seen and document_type == "none-needed":
        raise InvalidInputError(
            {"document_type": [Both("Noem het document dat is gezien.", "Name the document that was seen.")]}
        )
    if not seen and document_type != "none-needed":
        raise InvalidInputError(
            {"document_type": [Both("Hierbij wordt geen document gezien.", "No document is seen this way.")]}
        )
    if not email and not seen:
        message = Both(
            "Een telefoonnummer alleen bewijst niet wie iemand is.",
            "A telephone number alone does not prove who somebody is.",
        )
        raise InvalidInputError({"email": [message]})


def medical(records: Iterable[RecordRef]) -> list[RecordRef]:
    """Return the records of the dossier that a physician decides on (art. 7:455 BW)."""
    return [each for each in records if each.service == DOSSIER and each.category not in ADMINISTRATIVE]


def check_consequences(records: Iterable[RecordRef], *, acknowledged: bool) -> None:
    """Refuse to destroy from the dossier before the person knows what that can mean (P74). Raises ConflictError."""
    if not acknowledged and any(each.service == DOSSIER for each in records):
        raise ConflictError(
            Both(
                "Vernietigen uit het dossier kan verstrekkende gevolgen hebben: "
                "leg eerst vast dat de betrokkene die kent (consequences_acknowledged).",
                "Destroying parts of a dossier can have far-reaching consequences: "
                "first record that the person knows them (consequences_acknowledged).",
            )
        )


def check_written(records: Iterable[RecordRef], channel: str) -> None:
    """Refuse to destroy medical records on a note of a telephone call (art. 7:455 BW). Raises ConflictError."""
    if channel == "phone" and medical(records):
        raise ConflictError(
            Both(
                "Vernietigen uit het medisch dossier vraagt een schriftelijk of elektronisch verzoek.",
                "Destroying parts of a medical record needs a request in writing or by electronic means.",
            )
        )


def check_physician(records: Iterable[RecordRef], physician: str | None) -> None:
    """Refuse to decide on medical records, either way, without a physician (art. 7:455 BW). Raises ConflictError."""
    if not physician and medical(records):
        raise ConflictError(
            Both(
                "Over medische gegevens beslist een arts: zeg in physician_agreed_by wie akkoord is.",
                "A physician decides on medical data: say in physician_agreed_by who agreed.",
            )
        )


def check_outcome(outcome: str, *, retained: bool, records: bool, ground: str | None) -> None:
    """Refuse an outcome that its parts contradict: a refusal says why, a part says what stays (P75).

    Raises InvalidInputError.
    """
    wrong: dict[str, list[str]] = {}
    if outcome == "refuse" and not ground:
        wrong["ground"] = [Both("Een weigering noemt haar grond.", "A refusal names its ground.")]
    if outcome != "refuse" and ground:
        wrong["ground"] = [Both("Alleen bij een weigering.", "Only with a refusal.")]
    if outcome == "partly" and not retained:
        wrong["retained"] = [Both("Zeg wat blijft, en waarom.", "Say what stays, and why.")]
    if outcome != "partly" and retained:
        wrong["retained"] = [Both("Alleen bij 'partly'.", "Only with 'partly'.")]
    if outcome == "refuse" and records:
        wrong["records"] = [Both("Een weigering wist niets.", "A refusal erases nothing.")]
    if wrong:
        raise InvalidInputError(wrong)
