"""Clients as staff meet them: taken up, read, changed in the version that was seen, and gone when erased."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from services.dossier.records import Client, client_tokens
from shared.errors import KeyDestroyedError
from shared.vault import Sealed
from tests.services.dossier.practice import ANNA, BERT


def test_a_client_is_taken_up_and_shown_as_it_was_said(practice) -> None:
    """The number in its one form; the name put together from its parts; where the data came from (P14)."""
    made = practice.post("clients", ANNA)
    assert (made.status_code, made.headers["ETag"]) == (201, '"1"')
    assert set(made.json) == {"id"}
    shown = practice.http.get(made.headers["Location"], headers=practice.bearer("assistant"))
    assert shown.headers["ETag"] == '"1"'
    assert {name: shown.json[name] for name in ANNA} == ANNA | {"phone": "+31612345678"}
    assert (shown.json["name"], shown.json["kind"], shown.json["source"]) == ("Anna Jansen-de Vries", "client", "self")
    assert shown.json["marketing"] is False


def test_what_was_said_stands_nowhere_in_the_clear(practice) -> None:
    """In the row: ids, kinds, times, states and references."""
    row = practice.row(Client, practice.client())
    clear = " ".join(str(getattr(row, column.key)) for column in Client.__table__.columns).lower()
    for said in ("anna", "jansen", "1980", "dorpsstraat", "utrecht", "1234", "voorbeeld"):
        assert said not in clear


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"bsn": "123456782"}, "bsn"),
        ({"email": "anna"}, "email"),
        ({"phone": "zes"}, "phone"),
        ({"birth_date": "14-02-1980"}, "birth_date"),
        ({"kind": "friend"}, "kind"),
        ({"source": "broker"}, "source"),
        ({"country": "Nederland"}, "country"),
        ({"street": "Dorpsstraat 1\nUtrecht"}, "street"),
        ({"first_name": " ", "last_name": None}, "first_name"),
        ({"first_name": None, "last_name": None}, "name"),
    ],
)
def test_p6_other_fields_and_wrong_ones_are_refused(practice, fields, wrong) -> None:
    """The field is named, what was in it is not repeated, and nobody is taken up."""
    answer = practice.post("clients", ANNA | fields)
    assert (answer.status_code, set(answer.json["errors"])) == (422, {wrong})
    assert "anna" not in answer.text.lower()
    assert practice.rows(Client) == []


def test_one_key_makes_one_client(practice) -> None:
    """A tool that lost the answer asks again; and the same key with another body is an error."""
    first = practice.post("clients", ANNA, Idempotency_Key="one")
    again = practice.post("clients", ANNA, Idempotency_Key="one")
    assert (again.status_code, again.json, again.headers["Location"]) == (201, first.json, first.headers["Location"])
    assert practice.post("clients", BERT, Idempotency_Key="one").status_code == 422
    assert len(practice.rows(Client)) == 1


def test_a_change_needs_the_version_that_was_read(practice) -> None:
    """Of two people who change at once, the second is told so."""
    client = practice.client()
    headers = practice.bearer("front-desk")
    bare = practice.http.patch(f"/dossier/v1/clients/{client}", json={"city": "Zeist"}, headers=headers)
    assert bare.status_code == 428
    changed = practice.patch(client, {"city": "Zeist"}, '"1"')
    assert (changed.status_code, changed.headers["ETag"], changed.json["city"]) == (200, '"2"', "Zeist")
    assert practice.patch(client, {"city": "Bunnik"}, '"1"').status_code == 412
    assert practice.get(f"clients/{client}").json["city"] == "Zeist"


def test_what_a_change_leaves_out_stays_and_null_takes_away(practice) -> None:
    """A new last name makes a new whole name."""
    client = practice.client()
    shown = practice.patch(client, {"last_name": "Bos", "phone": None}).json
    assert (shown["name"], shown["phone"], shown["email"]) == ("Anna Bos", None, ANNA["email"])
    assert practice.patch(client, {"first_name": None, "last_name": None}).status_code == 422
    assert practice.patch(client, {"email": "anna"}).status_code == 422
    assert practice.get(f"clients/{client}").json["name"] == "Anna Bos"


def test_a_change_makes_what_was_unreadable_and_unfindable(practice) -> None:
    """Sealed anew under a new key, the old one destroyed; found by the new name and no longer by the old."""
    client = practice.client()
    before = practice.row(Client, client)
    practice.patch(client, {"last_name": "Bos", "email": "anna.bos@voorbeeld.example"})
    after = practice.row(Client, client)
    assert after.key_id != before.key_id
    with pytest.raises(KeyDestroyedError):
        practice.tools.vault.open(client, Sealed(before.key_id, before.sealed))
    assert (practice.search("jansen"), practice.search("anna bos")) == ([], ["Anna Bos"])
    with practice.tools.database.reading() as session:
        stored = set(session.scalars(sa.select(client_tokens.c.token)))
    assert not stored & practice.tools.keys.index.tokens("Jansen")
    assert after.email_ref == practice.tools.refs.email("anna.bos@voorbeeld.example")


def test_p5_a_lead_becomes_a_client_by_an_act_and_never_the_other_way(practice) -> None:
    """Nobody is invoiced before that."""
    lead = practice.client(kind="lead")
    lines = {"lines": [{"text": "Consult", "unit_cents": 100}]}
    assert practice.post(f"clients/{lead}/invoices", lines).status_code == 422
    assert practice.patch(lead, {"kind": "client"}).json["kind"] == "client"
    assert practice.post(f"clients/{lead}/invoices", lines).status_code == 201
    assert practice.patch(lead, {"kind": "lead"}).status_code == 409


def test_a_word_about_offers_is_noted_with_its_time(practice) -> None:
    """The latest counts, and the version moves with it."""
    client = practice.client()
    practice.clock.forward(hours=1)
    answer = practice.post(f"clients/{client}/marketing", {"wanted": True})
    assert (answer.json["marketing"], answer.headers["ETag"]) == (True, '"2"')
    practice.clock.forward(hours=1)
    assert practice.post(f"clients/{client}/marketing", {"wanted": False}).json["marketing"] is False
    assert practice.row(Client, client).marketing_at == practice.clock()
    assert practice.post(f"clients/{client}/marketing", {"wanted": "perhaps"}).status_code == 422


def test_an_erased_client_is_gone_and_one_that_never_was_is_not_found(practice) -> None:
    """For every way to look at or add to them."""
    client = practice.client()
    practice.decide(clients=[client])
    practice.settle()
    unknown = "3f1c0000-0000-4000-8000-000000000001"
    for path in ("", "/contacts", "/invoices", "/transfers"):
        assert practice.get(f"clients/{client}{path}").status_code == 410, path
        assert practice.get(f"clients/{unknown}{path}").status_code == 404, path
    contact = {"channel": "phone", "reason": "question"}
    assert practice.post(f"clients/{client}/contacts", contact).status_code == 410
    assert practice.patch(client, {"city": "Zeist"}, '"1"').status_code == 410
    assert practice.patch(unknown, {"city": "Zeist"}, '"1"').status_code == 404


def test_nothing_is_added_to_what_is_about_to_go(practice) -> None:
    """Between a decision and its carrying out, what is added or handed out would be overlooked."""
    client = practice.client()
    invoice = practice.invoice(client)
    practice.decide(clients=[client], invoices=[invoice])
    practice.installation.mover.move()
    practice.installation.apply()
    hand_over = {"processor": "bookkeeper", "categories": ["invoices"], "records": [invoice]}
    assert practice.post(f"clients/{client}/contacts", {"channel": "phone", "reason": "question"}).status_code == 409
    assert practice.post(f"clients/{client}/transfers", hand_over).status_code == 409
    assert practice.post(f"invoices/{invoice}/credit").status_code == 409
    assert practice.patch(client, {"city": "Zeist"}).status_code == 409
    practice.settle()
    assert practice.get(f"clients/{client}").status_code == 410


def test_p4_who_reads_is_in_the_log_and_what_they_read_is_not(practice, caplog) -> None:
    """Who, on whose behalf and why, and which client; never a name or what was searched for."""
    caplog.set_level("INFO")
    client = practice.client()
    practice.get(f"clients/{client}", "tool")
    practice.post("clients/search", {"q": "jansen"}, "tool")
    read = next(record for record in caplog.records if record.msg == "a client is read")
    assert read.fields == {
        "by": "m.devries",
        "on_behalf_of": "k.bakker",
        "purpose": "administration",
        "client": client,
    }
    said = " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records).lower()
    assert "jansen" not in said


def test_p4_a_name_in_an_address_is_not_in_the_log(practice, caplog) -> None:
    """Somebody who types a client's address where the record's number belongs puts it in no log."""
    caplog.set_level("INFO")
    for path in ("clients/jansen@voorbeeld.example", "invoices/jansen", "contacts/Jansen%20A"):
        assert practice.get(path).status_code == 404
    said = " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records).lower()
    assert "not an id" in said
    assert "jansen" not in said


@pytest.mark.parametrize("missing", ["On-Behalf-Of", "Purpose"])
def test_p2_a_tool_says_for_whom_and_why(practice, missing) -> None:
    """On every route that lets tools in."""
    client = practice.client()
    headers = {name: value for name, value in practice.bearer("tool").items() if name != missing}
    for path in (f"clients/{client}", f"clients/{client}/contacts", f"clients/{client}/transfers", "invoices"):
        answer = practice.http.get(f"/dossier/v1/{path}", headers=headers)
        assert (answer.status_code, set(answer.json["errors"])) == (422, {missing}), path
    answer = practice.http.post("/dossier/v1/clients", json=ANNA, headers=headers)
    assert answer.status_code == 422


@pytest.mark.parametrize("role", ["fg", "bookkeeper", "admin"])
def test_who_supervises_or_keeps_the_books_reads_no_client(practice, role) -> None:
    """Neither the client nor the contact history, and no search."""
    client = practice.client()
    for path in (f"clients/{client}", f"clients/{client}/contacts"):
        assert practice.get(path, role).status_code == 403
    assert practice.post("clients/search", {"q": "jansen"}, role).status_code == 403
