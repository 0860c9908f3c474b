"""How the story ends: each answer with the grade of its evidence, and what the processors were ordered."""

from __future__ import annotations

from collections.abc import Mapping

Answers = Mapping[tuple[str, str | None], tuple[str, str | None]]

NOTHING = ("nothing-held", "recounted")
DONE = ("done", "recounted")
AT_PROCESSOR = ("done", "api-confirmed")
NOT_ADDRESSED = ("not-addressed", None)

ANSWERS: Mapping[str, Answers] = {
    "unsubscribe": {
        ("intake", None): NOTHING,
        ("dossier", None): NOTHING,
        ("newsletter", None): DONE,
        ("requests", None): NOTHING,
        ("newsletter", "laposta"): AT_PROCESSOR,
    },
    "erase": {
        ("intake", None): DONE,
        ("dossier", None): NOTHING,
        ("newsletter", None): DONE,
        ("requests", None): NOTHING,
        ("newsletter", "laposta"): AT_PROCESSOR,
        ("intake", "website-host"): AT_PROCESSOR,
        ("intake", "mail-host"): NOT_ADDRESSED,
        ("dossier", "medical-crm"): NOT_ADDRESSED,
        ("dossier", "bookkeeper"): NOT_ADDRESSED,
    },
}
"""By the act that is decided: by service and processor, outcome and evidence."""

ORDERS = {
    "subscribe": [("laposta", "subscribe")],
    "unsubscribe": [("laposta", "unsubscribe")],
    "erase": [("laposta", "erasure"), ("website-host", "erasure")],
}
"""What a processor is ordered to do about Anna, by act."""


def to_the_inquiry(after: str) -> Answers:
    """Bea's form answers to the telephone they share; a subscription has only an address."""
    return {
        ("intake", None): DONE,
        ("dossier", None): NOTHING,
        ("newsletter", None): NOTHING if after == "erase" else DONE,
        ("requests", None): NOTHING,
    }
