"""Who may come in, and the line in the log that says who did what (P96): never what they saw."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from shared.errors import InvalidInputError
from shared.web import Staff

if TYPE_CHECKING:
    from shared.web import Call

DESK = Staff("physician", "assistant", "front-desk", "privacy-coordinator", "tool")
"""Who works with clients. The data protection officer supervises, and reads no client's content."""
INVOICING = Staff("bookkeeper", "front-desk", "tool")
INVOICE_READERS = INVOICING | Staff("privacy-coordinator")
HANDING_OVER = DESK | Staff("bookkeeper")
RECIPIENT_READERS = DESK | Staff("fg")

IDENTIFIER = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_log = logging.getLogger(__name__)


def note(call: Call, what: str, **identifiers: str) -> None:
    """Log who does what to which record and why, before it is done: what cannot be logged does not happen.

    Of an address that names no record of ours only that is logged: somebody may have typed a name into it.

    Raises InvalidInputError for a tool that does not say on whose behalf it calls, and for what purpose (P2).
    """
    caller = call.principal
    if "tool" in caller.roles:
        said = {"On-Behalf-Of": caller.on_behalf_of, "Purpose": caller.purpose}
        if missing := {name: ["A tool has to say this."] for name, value in said.items() if not value}:
            raise InvalidInputError(missing)
    by = {"by": caller.subject, "on_behalf_of": caller.on_behalf_of, "purpose": caller.purpose}
    named = {name: said if IDENTIFIER.fullmatch(said) else "not an id" for name, said in identifiers.items()}
    _log.info(what, extra={"fields": {**by, **named}})
