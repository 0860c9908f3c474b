"""Contact history over HTTP (P13)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.dossier import records
from services.dossier.actions import clients, contacts
from services.dossier.actions.contents import open_content
from services.dossier.api.access import DESK, note
from services.dossier.api.clients import position_of
from services.dossier.records import Client, Contact
from services.dossier.schemas.clients import MadeSchema
from services.dossier.schemas.contacts import ContactSchema, NoteContactSchema
from shared.clock import utc_text
from shared.errors import InvalidInputError
from shared.vault import Sealed
from shared.web import Answer, Answers, Api, Both, Call, PageQuerySchema, list_of

if TYPE_CHECKING:
    from collections.abc import Mapping

api = Api("contacts")
STILL_TO_COME = Both("Dit moment is nog niet geweest.", "This moment is still to come.")


@api.post(
    "/v1/clients/<client_id>/contacts",
    who=DESK,
    body=NoteContactSchema,
    answers=Answers(201, MadeSchema),
    idempotent=True,
)
def note_contact(call: Call) -> Answer:
    """Note how, when and why there was contact with a client."""
    note(call, "a contact is noted", client=call.path["client_id"])
    if call.body["at"] and call.body["at"] > call.now:
        raise InvalidInputError({"at": [STILL_TO_COME]})
    with call.transaction() as session:
        client = clients.hold(session, call.tools, call.path["client_id"])
        by = call.principal.on_behalf_of or call.principal.subject
        contact = contacts.note(session, call.tools, client, call.body, noted_by=by[:100], now=call.now)
        return call.keep(Answer({"id": contact.id}, location=f"/dossier/v1/contacts/{contact.id}"))


@api.get(
    "/v1/clients/<client_id>/contacts",
    who=DESK,
    query=PageQuerySchema,
    answers=Answers(200, list_of(ContactSchema)),
)
def list_contacts(call: Call) -> Answer:
    """List the contact history of a client, the latest first."""
    note(call, "contact history is read", client=call.path["client_id"])
    with call.tools.database.reading() as session:
        client = records.find(session, Client, call.path["client_id"])
        rows = records.find_contacts(session, client.id, position_of(call), call.size + 1)
    contents = call.tools.vault.open_many({row.id: Sealed(row.key_id, row.sealed) for row in rows})
    return Answer(
        call.listing(
            [row for row in rows if row.id in contents],  # the others were erased a moment ago
            position=lambda row: [utc_text(row.at), row.id],
            show=lambda row: _fields(row, contents[row.id]),
        )
    )


@api.get("/v1/contacts/<contact_id>", who=DESK, answers=Answers(200, ContactSchema))
def show_contact(call: Call) -> Answer:
    """Show one contact, also where its client is gone; 410 once erased."""
    note(call, "a contact is read", contact=call.path["contact_id"])
    with call.tools.database.reading() as session:
        contact = records.find(session, Contact, call.path["contact_id"])
        return Answer(_fields(contact, open_content(call.tools, contact)))


def _fields(contact: Contact, content: Mapping[str, Any]) -> dict[str, Any]:
    return {**content, **{name: getattr(contact, name) for name in _SHOWN}}


_SHOWN = ("id", "client", "channel", "reason", "at", "noted_by", "created_at")
