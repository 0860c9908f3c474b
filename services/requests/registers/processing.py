"""The register of processing activities (AVG art. 30), written from the policy and the register of processors.

It is generated, so that it cannot say anything else than what the services go by.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shared.policy import Policy
    from shared.propagation.register import Processor, Register


@dataclass(frozen=True, slots=True)
class Activity:
    """Something the clinic does with personal data, and by which service."""

    id: str
    service: str
    name: Both
    purpose: Both
    subjects: Both
    legal_basis: str
    special: bool = False


ACTIVITIES = (
    Activity(
        "contact",
        "intake",
        Both("Vragen en meldingen via de website", "Questions and reports through the website"),
        Both(
            "vragen beantwoorden, en meldingen van een zwakke plek onderzoeken",
            "answering questions, and looking into reports of a weakness",
        ),
        Both("bezoekers van de website", "visitors of the website"),
        "art. 6(1)(b) AVG, art. 6(1)(f) AVG",
    ),
    Activity(
        "care",
        "dossier",
        Both("Behandeling, dossier en administratie", "Treatment, records and administration"),
        Both(
            "behandelen, het dossier bijhouden, afspraken maken, factureren",
            "treating, keeping the record, making appointments, invoicing",
        ),
        Both("cliënten, zzp'ers en leveranciers", "clients, contractors and suppliers"),
        "art. 6(1)(b) AVG, art. 6(1)(c) AVG, art. 9(2)(h) AVG, art. 7:454 BW, art. 52 AWR",
        special=True,
    ),
    Activity(
        "newsletter",
        "newsletter",
        Both("Nieuwsbrief", "Newsletter"),
        Both("de nieuwsbrief sturen aan wie zich aanmeldde", "sending the newsletter to whoever signed up"),
        Both("abonnees", "subscribers"),
        "art. 6(1)(a) AVG, art. 11.7 Tw",
    ),
    Activity(
        "rights",
        "requests",
        Both("Rechten van betrokkenen en verantwoording", "Rights of data subjects and accountability"),
        Both(
            "verzoeken afhandelen, en aantonen wat er op een besluit is gedaan",
            "handling requests, and showing what was done on a decision",
        ),
        Both(
            "wie een verzoek doet, en over wie een besluit gaat",
            "whoever makes a request or is the subject of a decision",
        ),
        "art. 6(1)(c) AVG",
        special=True,
    ),
    Activity(
        "staff",
        "console",
        Both("Accounts van medewerkers", "Accounts of staff"),
        Both("toegang regelen en vastleggen", "granting access and recording it"),
        Both("medewerkers", "staff"),
        "art. 6(1)(c) AVG, art. 6(1)(f) AVG",
    ),
)
MEASURES = Both(
    "elk gegeven versleuteld onder een eigen sleutel; toegang per rol; verkeer alleen naar geregistreerde partijen; "
    "onuitwisbaar register van besluiten en uitvoering",
    "every record encrypted under a key of its own; access by role; traffic to registered parties only; "
    "an append-only register of decisions and what was done on them",
)
COLUMNS = (
    "activity",
    "purpose",
    "subjects",
    "special_categories",
    "legal_basis",
    "data_class",
    "data",
    "kept",
    "counted_from",
    "law",
    "recipients",
    "transfers",
)


def processing_register(policy: Policy, register: Register, language: str) -> dict[str, Any]:
    """Return the register: who is responsible, and every activity with its data, terms and recipients."""
    return {
        "controller": {"name": policy.clinic.name, "contact": policy.clinic.privacy},
        "policy": {"version": policy.version, "hash": policy.hash},
        "register": register.digest,
        "security": _in(language, MEASURES),
        "activities": [_activity(each, policy, register, language) for each in ACTIVITIES],
    }


def as_csv(content: dict[str, Any]) -> bytes:
    """Write the register as CSV (RFC 4180), a line per class of data; UTF-8 with a mark for spreadsheets."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(_lines(content["activities"]))
    return text.getvalue().encode("utf-8-sig")


def _activity(activity: Activity, policy: Policy, register: Register, language: str) -> dict[str, Any]:
    recipients = register.of_owner(activity.service)
    return {
        "id": activity.id,
        "service": activity.service,
        "name": _in(language, activity.name),
        "purpose": _in(language, activity.purpose),
        "subjects": _in(language, activity.subjects),
        "special_categories": activity.special,
        "legal_basis": activity.legal_basis,
        "data": [
            {
                "class": name,
                "name": term.nl if language == "nl" else term.en,
                "kept": term.period.text if term.period else f"while {term.lasting}",
                "counted_from": term.start,
                "law": term.law or None,
            }
            for name, term in policy.terms.items()
            if name.split(".")[0] == activity.service
        ],
        "recipients": [_recipient(each) for each in recipients],
    }


def _recipient(processor: Processor) -> dict[str, Any]:
    return {
        "id": processor.id,
        "name": processor.name,
        "status": processor.status,
        "categories": [given.category for given in processor.receives],
        "country": processor.country,
        "transfer_ground": processor.transfer_ground,
    }


def _lines(activities: Sequence[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for activity in activities:
        recipients = activity["recipients"]
        shared = {
            "activity": activity["name"],
            "purpose": activity["purpose"],
            "subjects": activity["subjects"],
            "special_categories": "yes" if activity["special_categories"] else "no",
            "legal_basis": activity["legal_basis"],
            "recipients": "; ".join(each["name"] for each in recipients),
            "transfers": "; ".join(
                f"{each['name']}: {each['country']} ({each['transfer_ground']})"
                for each in recipients
                if each["transfer_ground"] != "none"
            ),
        }
        for data in activity["data"]:
            yield shared | {
                "data_class": data["class"],
                "data": data["name"],
                "kept": data["kept"],
                "counted_from": data["counted_from"] or "",
                "law": data["law"] or "",
            }


def _in(language: str, text: Both) -> str:
    return text.dutch if language == "nl" else str(text)
