"""Clients over HTTP: take up, read, change, find, and what they said about offers."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from services.dossier import records
from services.dossier.actions import clients
from services.dossier.actions.contents import open_content
from services.dossier.actions.searching import search
from services.dossier.api.access import DESK, note
from services.dossier.records import Client
from services.dossier.schemas.clients import (
    ClientSchema,
    CreateClientSchema,
    MadeSchema,
    MarketingSchema,
    MarketingStateSchema,
    SearchClientsSchema,
    UpdateClientSchema,
)
from shared.clock import parse_utc, utc_text
from shared.web import Answer, Answers, Api, Call, PageQuerySchema, list_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.dossier.actions.searching import Found
    from services.dossier.records import Position

api = Api("clients")


@api.post("/v1/clients", who=DESK, body=CreateClientSchema, answers=Answers(201, MadeSchema), idempotent=True)
def create_client(call: Call) -> Answer:
    """Take up a client, or a lead who may become one."""
    note(call, "a client is taken up")
    with call.transaction() as session:
        client = clients.create(session, call.tools, call.body, now=call.now)
        return call.keep(Answer({"id": client.id}, location=f"/dossier/v1/clients/{client.id}", etag="1"))


@api.get("/v1/clients/<client_id>", who=DESK, answers=Answers(200, ClientSchema))
def show_client(call: Call) -> Answer:
    """Show a client; 410 once erased."""
    note(call, "a client is read", client=call.path["client_id"])
    with call.tools.database.reading() as session:
        client = records.find(session, Client, call.path["client_id"])
        return _shown(client, open_content(call.tools, client))


@api.patch("/v1/clients/<client_id>", who=DESK, body=UpdateClientSchema, answers=Answers(200, ClientSchema))
def change_client(call: Call) -> Answer:
    """Change what is said, in the version that was read; the rest stays."""
    note(call, "a client is changed", client=call.path["client_id"])
    with call.transaction() as session:
        client = clients.hold(session, call.tools, call.path["client_id"], call.body)
        call.require_match(str(client.version))
        clients.change(session, call.tools, client, call.body, now=call.now)
        return _shown(client, open_content(call.tools, client))


@api.post(
    "/v1/clients/search",
    who=DESK,
    body=SearchClientsSchema,
    query=PageQuerySchema,
    answers=Answers(200, list_of(ClientSchema)),
)
def search_clients(call: Call) -> Answer:
    """Find clients by any part of a name, an address or a number, or by birth date."""
    note(call, "clients are searched")
    with call.tools.database.reading() as session:
        found = search(session, call.tools, call.body["q"], after=position_of(call), limit=call.size + 1)
    return Answer(
        call.listing(found, position=_position, show=lambda each: _fields(each.client, each.content)),
    )


@api.post(
    "/v1/clients/<client_id>/marketing", who=DESK, body=MarketingSchema, answers=Answers(200, MarketingStateSchema)
)
def want_marketing(call: Call) -> Answer:
    """Note whether a client wants to hear of offers."""
    note(call, "a client's word about offers is noted", client=call.path["client_id"])
    with call.transaction() as session:
        client = clients.hold(session, call.tools, call.path["client_id"])
        clients.want_marketing(client, wanted=call.body["wanted"], now=call.now)
        return Answer(client, etag=str(client.version))


def position_of(call: Call) -> Position | None:
    """Return where a list that goes by time goes on."""
    return (parse_utc(call.after[0]), str(call.after[1])) if call.after else None


def _position(found: Found) -> list[str]:
    return [utc_text(found.client.created_at), found.client.id]


def _shown(client: Client, content: Mapping[str, Any]) -> Answer:
    return Answer(_fields(client, content), etag=str(client.version))


def _fields(client: Client, content: Mapping[str, Any]) -> dict[str, Any]:
    born = content["birth_date"] and date.fromisoformat(content["birth_date"])
    return {**content, "birth_date": born, **{name: getattr(client, name) for name in _SHOWN}}


_SHOWN = ("id", "kind", "source", "marketing", "marketing_at", "version", "created_at", "updated_at")
