"""Noting that something of a client was handed to a processor, so that it is told of whatever is decided (P42, P48)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from services.dossier import records
from services.dossier.actions.clients import refuse_erasing
from services.dossier.records import CLIENTS, CONTACTS, INVOICES, Contact, Invoice
from shared.deadlines import local_date
from shared.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from shared.propagation import transfers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.engine import RowMapping
    from sqlalchemy.orm import Session

    from services.dossier.records import Client
    from shared.propagation.register import Processor
    from shared.service import Tools

_log = logging.getLogger(__name__)


def note(
    session: Session,
    tools: Tools,
    client: Client,
    processor_id: str,
    *,
    categories: Sequence[str],
    identifiers: Sequence[str],
    now: datetime,
) -> None:
    """Note that a processor is given these records of a client that is held.

    Raises ForbiddenError for whoever is not on the register, is not faced by the dossier or does not get these
    categories (P3), ConflictError while there is no agreement in force (P46), and InvalidInputError for records
    that are not this client's or of another category.
    """
    processor = _recipient(tools, processor_id, categories)
    if not processor.may_receive(local_date(now)):
        raise ConflictError(f"agreement_missing: no processing agreement with {processor.id} is in force.")
    by_category = _sorted_out(session, client, categories, identifiers)
    refuse_erasing(session, client, identifiers)
    for category, theirs in by_category.items():
        transfers.record(session, processor.id, category, theirs, now=now)


def find_of(session: Session, client: Client) -> Sequence[RowMapping]:
    """Return who was given what of a client, and whether they confirmed to have erased it (AVG art. 15(1)(c), 19)."""
    theirs = _records_of(session, client)
    return transfers.find(session, [each for identifiers in theirs.values() for each in identifiers])


def _recipient(tools: Tools, processor_id: str, categories: Sequence[str]) -> Processor:
    try:
        processor = tools.register.get(processor_id)
    except NotFoundError:
        processor = None
    received = {given.category for given in processor.receives} if processor else set()
    if processor is None or processor.owner != tools.name or not received.issuperset(categories):
        _log.warning("a disclosure was refused", extra={"fields": {"categories": sorted(set(categories))}})
        raise ForbiddenError("The register of processors does not allow this.")
    return processor


def _sorted_out(
    session: Session, client: Client, categories: Sequence[str], identifiers: Sequence[str]
) -> Mapping[str, Sequence[str]]:
    theirs = _records_of(session, client)
    wrong: dict[str, list[str]] = {}
    found: dict[str, list[str]] = {category: [] for category in categories}
    for position, identifier in enumerate(identifiers):
        category = next((name for name, ids in theirs.items() if identifier in ids), None)
        if category in found:
            found[category].append(identifier)
        else:
            wrong[f"records.{position}"] = ["Not a record of this client in these categories."]
    if empty := [category for category, ids in found.items() if not ids]:
        wrong["categories"] = [f"No record of: {', '.join(empty)}."]
    if wrong:
        raise InvalidInputError(wrong)
    return found


def _records_of(session: Session, client: Client) -> dict[str, list[str]]:
    return {
        CLIENTS: [client.id],
        CONTACTS: records.find_of_client(session, Contact, client.id),
        INVOICES: records.find_of_client(session, Invoice, client.id),
    }
