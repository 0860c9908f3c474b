"""The records that a decision names: only what the inquiry found, or what staff name on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.requests.cases.records import Candidate, candidates_of
from services.requests.cases.records import case as case_by_id
from shared.deadlines import start_of
from shared.errors import ConflictError, InvalidInputError, NotFoundError
from shared.events import RecordRef, RetainedPart
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sqlalchemy.orm import Session

    from services.requests.cases.records import RightsRequest

OWN_FILE = ("requests", "rights-requests")


def records_of(said: Sequence[Mapping[str, Any]]) -> list[RecordRef]:
    """Return the records that go."""
    return [RecordRef(service=each["service"], category=each["category"], id=str(each["id"])) for each in said]


def retained_of(said: Sequence[Mapping[str, Any]]) -> list[RetainedPart]:
    """Return what stays; until the first moment of a day."""
    return [
        RetainedPart(
            service=each["service"],
            category=each["category"],
            id=str(each["id"]),
            ground=each["ground"],
            until=start_of(each["until"]) if each["until"] else None,
        )
        for each in said
    ]


def check_until(said: Sequence[Mapping[str, Any]], today: date) -> None:
    """Refuse an end that is over: what stays, stays until a day to come. Raises InvalidInputError."""
    message = Both("Kies een dag in de toekomst.", "Choose a day in the future.")
    over = [number for number, each in enumerate(said) if each["until"] and each["until"] <= today]
    if over:
        raise InvalidInputError({f"retained.{number}.until": [message] for number in over})


def check_records(session: Session, case: RightsRequest, said: Sequence[Mapping[str, Any]]) -> None:
    """Let through only what the inquiry found or staff name on purpose, each once, and never a request that is open.

    Raises InvalidInputError, ConflictError.
    """
    known = {(each.service, each.category, each.record) for each in candidates_of(session, case.id)}
    seen: set[tuple[str, str, str]] = set()
    for each in said:
        key = (each["service"], each["category"], str(each["id"]))
        if key in seen:
            message = Both("Een gegeven is twee keer genoemd.", "A record is named twice.")
            raise InvalidInputError({"records": [message]})
        seen.add(key)
        if key not in known and not each["added"]:
            message = Both(
                "Een gegeven is bij dit verzoek niet gevonden; zet er 'added' bij als het er toch bij hoort.",
                "A record was not found for this request; mark it as 'added' if it belongs to it all the same.",
            )
            raise InvalidInputError({"records": [message]})
        if key[:2] == OWN_FILE:
            _check_own_file(session, key[2])


def _check_own_file(session: Session, case_id: str) -> None:
    """A request is the proof that erasing was right: as long as it is open, it stays."""
    try:
        other = case_by_id(session, case_id)
    except NotFoundError:
        message = Both("Dit verzoek bestaat niet.", "There is no such request.")
        raise InvalidInputError({"records": [message]}) from None
    if other.state != "closed":
        raise ConflictError(
            Both("Een verzoek dat nog loopt, wordt niet gewist.", "A request that is still open is not erased.")
        )


def judge(session: Session, case: RightsRequest, named: Sequence[RecordRef]) -> None:
    """Note which candidates are this person's, which are somebody else's, and what staff added."""
    mine = {(each.service, each.category, each.id) for each in named}
    known = {(each.service, each.category, each.record): each for each in candidates_of(session, case.id)}
    for key, candidate in known.items():
        candidate.confirmed = key in mine
    session.add_all(
        Candidate(case=case.id, service=service, category=category, record=record, found=False, confirmed=True)
        for service, category, record in mine - known.keys()
    )
