"""Hand-overs: noted so that whoever has something is told of every decision about it, and nobody else (P3, P48)."""

from __future__ import annotations

from datetime import date

import pytest

from tests.services.dossier.practice import BERT


def hand_over(practice, client: str, processor: str, records: list[str], *categories: str, role: str = "front-desk"):
    """Hand something over; return the answer."""
    body = {"processor": processor, "categories": list(categories), "records": records}
    return practice.post(f"clients/{client}/transfers", body, role)


def test_who_has_what_is_noted_and_shown(practice) -> None:
    """With the processor's name, for the answer to a person who asks (AVG art. 15(1)(c), 19)."""
    client = practice.client()
    invoice = practice.invoice(client)
    answer = hand_over(practice, client, "medical-crm", [client, invoice], "clients", "invoices")
    assert answer.status_code == 201
    items = practice.get(f"clients/{client}/transfers", "privacy-coordinator").json["items"]
    assert items == answer.json["items"]
    assert [(item["name"], item["category"], item["record"], item["ended_at"]) for item in items] == [
        ("Praktijkprogramma", "clients", client, None),
        ("Praktijkprogramma", "invoices", invoice, None),
    ]


def test_noting_it_again_changes_nothing_but_the_time(practice) -> None:
    """A tool that hands over every night makes no rows."""
    client = practice.client()
    hand_over(practice, client, "medical-crm", [client], "clients")
    practice.clock.forward(days=1)
    (item,) = hand_over(practice, client, "medical-crm", [client], "clients").json["items"]
    assert item["at"].startswith("2026-11-03T09:00:00")


@pytest.mark.parametrize(
    ("processor", "categories"),
    [
        ("acme", ["clients"]),  # not on the register
        ("laposta", ["clients"]),  # faced by the newsletter
        ("bookkeeper", ["clients"]),  # gets invoices
        ("bookkeeper", ["invoices", "clients"]),
        ("medical-crm", ["contacts"]),
    ],
)
def test_p3_what_the_register_does_not_allow_is_refused_and_noted_in_the_log(practice, caplog, processor, categories):
    """Nothing is written down as given, and nobody is named in the refusal."""
    client = practice.client()
    contact, invoice = practice.contact(client), practice.invoice(client)
    ids = {"clients": client, "contacts": contact, "invoices": invoice}
    answer = hand_over(practice, client, processor, [ids[name] for name in categories], *categories)
    assert answer.status_code == 403
    assert "a disclosure was refused" in [record.msg for record in caplog.records]
    assert practice.get(f"clients/{client}/transfers").json["items"] == []


def test_p3_a_party_that_another_service_faces_gets_nothing_from_the_dossier(practice) -> None:
    """Whatever it receives: this service would not be the one to tell it of a decision."""
    client = practice.client()
    practice.enrol("laposta", role="other", receives=[{"category": "clients", "fields": ["email"]}])
    assert hand_over(practice, client, "laposta", [client], "clients").status_code == 403


def test_only_records_of_this_client_in_these_categories_are_handed_over(practice) -> None:
    """Each wrong one is named by its place, and then none is noted."""
    client, other = practice.client(), practice.client(BERT)
    mine, theirs = practice.invoice(client), practice.invoice(other)
    answer = hand_over(practice, client, "medical-crm", [mine, theirs, client, "x"], "invoices")
    assert (answer.status_code, set(answer.json["errors"])) == (422, {"records.1", "records.2", "records.3"})
    empty = hand_over(practice, client, "medical-crm", [mine], "invoices", "clients")
    assert (empty.status_code, set(empty.json["errors"])) == (422, {"categories"})
    twice = hand_over(practice, client, "medical-crm", [mine, mine], "invoices")
    assert (twice.status_code, set(twice.json["errors"])) == (422, {"records"})
    unknown = hand_over(practice, client, "medical-crm", [mine], "photos")
    assert unknown.status_code == 422
    assert practice.get(f"clients/{client}/transfers").json["items"] == []


def test_p46_without_an_agreement_in_force_nothing_is_handed_over_and_decisions_still_go(practice) -> None:
    """The last day counts; the day after, new hand-overs wait and say why. Renewed, they go."""
    client, later = practice.client(), practice.client(BERT)
    agreement = {"signed": date(2024, 6, 3), "sub_processors": []}
    practice.enrol("medical-crm", agreement=agreement | {"ends": practice.clock().date()})
    assert hand_over(practice, client, "medical-crm", [client], "clients").status_code == 201
    practice.clock.forward(days=1)
    answer = hand_over(practice, later, "medical-crm", [later], "clients")
    assert (answer.status_code, answer.json["detail"].split(":")[0]) == (409, "agreement_missing")
    practice.decide(clients=[client])
    practice.settle()
    assert len(practice.mails("privacy@praktijkprogramma.example")) == 1
    practice.enrol("medical-crm", agreement=agreement | {"ends": None})
    assert hand_over(practice, later, "medical-crm", [later], "clients").status_code == 201


def test_a_bookkeeper_hands_over_invoices_and_no_clients(practice) -> None:
    """Whoever may not read a client may not give one away either."""
    client = practice.client()
    invoice = practice.invoice(client)
    assert hand_over(practice, client, "medical-crm", [client], "clients", role="bookkeeper").status_code == 403
    assert hand_over(practice, client, "bookkeeper", [invoice], "invoices", role="bookkeeper").status_code == 201
    assert practice.get(f"clients/{client}/transfers", "bookkeeper").status_code == 403
    assert practice.get(f"clients/{client}/transfers", "fg").status_code == 200
