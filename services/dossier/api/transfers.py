"""Hand-overs to processors over HTTP: noted when they happen, and shown when somebody asks who has what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.dossier import records
from services.dossier.actions import clients, transferring
from services.dossier.api.access import HANDING_OVER, RECIPIENT_READERS, note
from services.dossier.records import INVOICES, Client
from services.dossier.schemas.transfers import NoteTransferSchema, TransfersSchema
from shared.errors import ForbiddenError
from shared.web import Answer, Answers, Api, Call

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

api = Api("transfers")


@api.post(
    "/v1/clients/<client_id>/transfers",
    who=HANDING_OVER,
    body=NoteTransferSchema,
    answers=Answers(201, TransfersSchema),
    idempotent=True,
)
def note_transfer(call: Call) -> Answer:
    """Note that a processor is given records of a client, so that it hears of every decision about them."""
    note(call, "a hand-over is noted", client=call.path["client_id"])
    if call.principal.roles == {"bookkeeper"} and call.body["categories"] != [INVOICES]:
        raise ForbiddenError("A bookkeeper hands over invoices only.")
    with call.transaction() as session:
        client = clients.hold(session, call.tools, call.path["client_id"])
        transferring.note(
            session,
            call.tools,
            client,
            call.body["processor"],
            categories=call.body["categories"],
            identifiers=call.body["records"],
            now=call.now,
        )
        return call.keep(Answer(_listed(session, call, client), location=f"/dossier/v1/clients/{client.id}/transfers"))


@api.get("/v1/clients/<client_id>/transfers", who=RECIPIENT_READERS, answers=Answers(200, TransfersSchema))
def list_transfers(call: Call) -> Answer:
    """List who was given what of a client and when (AVG art. 15(1)(c) and 19)."""
    note(call, "recipients are listed", client=call.path["client_id"])
    with call.tools.database.reading() as session:
        client = records.find(session, Client, call.path["client_id"])
        return Answer(_listed(session, call, client))


def _listed(session: Session, call: Call, client: Client) -> dict[str, Any]:
    names = {each.id: each.name for each in call.tools.register}
    rows = transferring.find_of(session, client)
    return {"items": [{**row, "name": names.get(row["processor"], row["processor"])} for row in rows]}
