"""From the fields of a form to what the requests service takes; what only a form can get wrong is said here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from shared.clock import utc_text
from shared.deadlines import ZONE
from shared.errors import InvalidInputError
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from services.console.schemas import Candidate

ERASE, KEEP, NOT_THEIRS = "erase", "keep", "not-theirs"
CHOOSE = Both("Kies wat hiermee moet gebeuren.", "Choose what must happen to this.")
SAY_WHEN = Both("Zeg de dag en de tijd, zoals 2026-11-02 09:30.", "Say the day and the time, as in 2026-11-02 09:30.")
CHOOSE_GROUND = Both("Kies de grond waarop dit blijft.", "Choose the ground on which this stays.")


def identity_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return an identity check."""
    return {
        "method": fields.get("method", ""),
        "document_type": fields.get("document_type") or "none-needed",
        "outcome": fields.get("outcome", ""),
        "reason": fields.get("reason") or None,
        "email": "email" in fields,
        "phone": "phone" in fields,
    }


def granting_of(fields: Mapping[str, str], candidates: Sequence[Candidate]) -> dict[str, Any]:
    """Return a decision that grants: in part as soon as something of this person stays.

    Each candidate is somebody's choice, none is assumed. Raises InvalidInputError.
    """
    wrong: dict[str, list[str]] = {}
    records: list[dict[str, Any]] = []
    retained: list[dict[str, Any]] = []
    for candidate in candidates:
        name = field_of(candidate)
        record = {"service": candidate.service, "category": candidate.category, "id": candidate.id}
        choice = fields.get(f"what:{name}")
        if choice == ERASE:
            records.append(record)
        elif choice == KEEP:
            ground = fields.get(f"ground:{name}", "")
            retained.append(record | {"ground": ground, "until": fields.get(f"until:{name}") or None})
            if not ground:
                wrong[f"ground:{name}"] = [CHOOSE_GROUND]
        elif choice != NOT_THEIRS:
            wrong[f"what:{name}"] = [CHOOSE]
    if wrong:
        raise InvalidInputError(wrong)
    return {
        "outcome": "partly" if retained else "grant",
        "records": records,
        "retained": retained,
        "consequences_acknowledged": "consequences_acknowledged" in fields,
        **_said(fields, "explanation", "physician_agreed_by"),
    }


def refusal_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return a decision that refuses."""
    return {"outcome": "refuse", **_said(fields, "ground", "explanation", "physician_agreed_by")}


def extension_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return an extension of the term."""
    return {"reason": fields.get("reason", ""), **_said(fields, "explanation")}


def delivery_of(fields: Mapping[str, str]) -> dict[str, Any]:
    """Return how an answer was delivered."""
    return {"via": fields.get("via", ""), **_said(fields, "track_code", "sent_on")}


def edition_of(fields: Mapping[str, str]) -> dict[str, str]:
    """Return a plan for an edition; the time is the clinic's. What cannot be read as one, the service refuses."""
    try:
        moment = datetime.fromisoformat(fields.get("at", ""))
        at = moment.replace(tzinfo=ZONE).astimezone(UTC).isoformat()
    except (ValueError, OverflowError):
        at = ""
    return {"campaign": fields.get("campaign", "").strip(), "at": at, "about": fields.get("about", "")}


def incident_of(fields: Mapping[str, str]) -> dict[str, str]:
    """Return an incident that staff enter; their time is by the clinic's clock. Raises InvalidInputError."""
    try:
        known_at = utc_text(datetime.fromisoformat(fields.get("known_at", "").strip()).replace(tzinfo=ZONE))
    except (ValueError, OverflowError):
        raise InvalidInputError({"known_at": [SAY_WHEN]}) from None
    return {"known_at": known_at, "facts": fields.get("facts", "")}


def field_of(candidate: Candidate) -> str:
    """Return what a candidate is called in the names of fields."""
    return f"{candidate.service}:{candidate.category}:{candidate.id}"


def _said(fields: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return the fields that were filled in."""
    return {name: value for name in names if (value := fields.get(name, "").strip())}
