"""Erasing from the dossier: exactly what a decision names, here and at whoever was given it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.dossier.records import Client, Contact, Invoice
from shared.deadlines import start_of
from shared.processors.interface import SubjectIdentifiers
from shared.propagation.tables import tombstones
from tests.services.dossier.practice import ANNA, BERT, CALLED

BOOKKEEPER, CRM = "avg@balans.example", "privacy@praktijkprogramma.example"
UNTIL = start_of(datetime(2034, 1, 1, tzinfo=UTC).date())


def test_an_inquiry_finds_everything_of_an_address_or_a_number_and_nothing_of_another(practice) -> None:
    """Candidates of each category; people look at them and decide."""
    anna, bert = practice.client(), practice.client(BERT)
    contact, invoice = practice.contact(anna), practice.invoice(anna)
    practice.contact(bert)
    for refs in (practice.refs(email="Anna.Jansen@Voorbeeld.example"), practice.refs(phone="+31 6 1234 5678")):
        decision = practice.decide("inquiry", refs=refs)
        practice.settle()
        receipt = practice.receipts(decision)[None]
        found = [(ref.category, ref.id) for ref in receipt.found]
        assert found == [("clients", anna), ("contacts", contact), ("invoices", invoice)]
        assert receipt.counts == {"clients": 1, "contacts": 1, "invoices": 1}


def test_what_is_erased_cannot_be_read_by_anybody_ever(practice) -> None:
    """Rows, index and keys are gone, counted by another query; ids stay as tombstones."""
    client = practice.client()
    contact, invoice = practice.contact(client), practice.invoice(client)
    kinds = ((Client, client), (Contact, contact), (Invoice, invoice))
    keys = [practice.row(kind, record).key_id for kind, record in kinds]
    decision = practice.decide(clients=[client], contacts=[contact], invoices=[invoice])
    practice.settle()
    receipt = practice.receipts(decision)[None]
    assert (receipt.outcome, receipt.evidence.grade) == ("done", "recounted")
    assert receipt.counts == {"clients": 1, "contacts": 1, "invoices": 1}
    assert practice.tools.vault.surviving(keys) == set()
    for table in ("clients", "contacts", "invoices", "client_tokens"):
        assert practice.count(table) == 0
    assert practice.count(tombstones.name) == 3


def test_an_invoice_that_stays_can_be_read_when_its_client_is_gone(practice) -> None:
    """With its own addressee, under its own key; and whoever asks later is still told that it is there."""
    client = practice.client()
    invoice = practice.invoice(client)
    decision = practice.decide(clients=[client], keep=[invoice], until=UNTIL)
    practice.settle()
    assert practice.get(f"clients/{client}").status_code == 410
    shown = practice.get(f"invoices/{invoice}", "bookkeeper").json
    assert (shown["addressee"]["name"], shown["client"]) == ("Anna Jansen-de Vries", client)
    receipt = practice.receipts(decision)[None]
    assert (receipt.outcome, [part.id for part in receipt.retained]) == ("retained", [invoice])
    inquiry = practice.decide("inquiry", refs=practice.refs(email=ANNA["email"]))
    practice.settle()
    assert [ref.id for ref in practice.receipts(inquiry)[None].found] == [invoice]


def test_an_invoice_that_stayed_is_found_by_the_address_its_client_had_last(practice) -> None:
    """A change of address goes along to everything there is of a client."""
    client = practice.client()
    invoice = practice.invoice(client)
    practice.patch(client, {"email": "anna@nieuw.example"})
    practice.decide(clients=[client], keep=[invoice])
    practice.settle()
    inquiry = practice.decide("inquiry", refs=practice.refs(email="anna@nieuw.example"))
    practice.settle()
    assert [ref.id for ref in practice.receipts(inquiry)[None].found] == [invoice]


@pytest.mark.parametrize("shared", [{"phone": ANNA["phone"]}, {"email": ANNA["email"]}])
def test_the_other_of_two_people_with_one_address_or_number_is_not_touched(practice, shared) -> None:
    """Refs find both; only whom people named goes."""
    anna = practice.client()
    daughter = practice.client({"first_name": "Sofie", "last_name": "Jansen", **shared})
    contact, invoice = practice.contact(daughter), practice.invoice(daughter)
    before = practice.get(f"clients/{daughter}").json
    practice.decide(refs=practice.refs(ANNA["email"], ANNA["phone"]), clients=[anna])
    practice.settle()
    assert practice.get(f"clients/{anna}").status_code == 410
    assert practice.get(f"clients/{daughter}").json == before
    assert practice.get(f"contacts/{contact}").json["note"] == CALLED["note"]
    assert practice.get(f"invoices/{invoice}").status_code == 200
    assert practice.search("jansen") == ["Sofie Jansen"]


def test_erasing_again_finds_nothing_and_says_the_same_of_the_rest(practice) -> None:
    """A second decision about what is gone is answered, not failed."""
    client, other = practice.client(), practice.client(BERT)
    for outcome, counts in (("done", {"clients": 1}), ("nothing-held", {})):
        decision = practice.decide(clients=[client])
        practice.settle()
        receipt = practice.receipts(decision)[None]
        assert (receipt.outcome, receipt.counts, receipt.evidence.grade) == (outcome, counts, "recounted")
    assert practice.get(f"clients/{other}").status_code == 200


def test_who_was_given_nothing_is_not_told(practice) -> None:
    """An erasure must not be a new disclosure: no mail, and no task."""
    client = practice.client()
    decision = practice.decide(clients=[client])
    practice.settle()
    receipts = practice.receipts(decision)
    assert (receipts["bookkeeper"].outcome, receipts["medical-crm"].outcome) == ("not-addressed", "not-addressed")
    assert (practice.mails(BOOKKEEPER), practice.mails(CRM)) == ([], [])


def test_who_was_given_a_client_is_told_whom_to_erase(practice) -> None:
    """By what it was given: name, address and number."""
    client = practice.client()
    practice.hand_over(client, "medical-crm", clients=[client])
    decision = practice.decide(clients=[client])
    practice.settle()
    page = practice.page(practice.task(CRM))
    for shown in ("Anna Jansen-de Vries", ANNA["email"], "+31612345678", "Erase all data of this person"):
        assert shown in page
    assert "has to stay" not in page
    assert practice.mails(BOOKKEEPER) == []
    practice.state(practice.task(CRM), "done")
    receipt = practice.receipts(decision)["medical-crm"]
    assert (receipt.outcome, receipt.evidence.grade) == ("done", "statement")
    again = practice.decide(clients=[client])
    practice.settle()
    assert practice.receipts(again)["medical-crm"].outcome == "not-addressed"


def test_a_bookkeeper_with_an_invoice_that_stays_is_told_to_keep_it_and_nothing_more(practice) -> None:
    """By the invoice's number, which is all it was given; with the ground and the day."""
    client = practice.client()
    invoice = practice.invoice(client)
    practice.hand_over(client, "bookkeeper", invoices=[invoice])
    decision = practice.decide(clients=[client], keep=[invoice], until=UNTIL)
    practice.settle()
    page = practice.page(practice.task(BOOKKEEPER))
    assert "This has to stay" in page
    assert "invoices 2026-0001: Fiscal retention (art. 52(4) AWR), until 1 January 2034" in page
    for unknown in ("Anna", "Jansen", ANNA["email"], "12345678"):
        assert unknown not in page
    practice.state(practice.task(BOOKKEEPER), "done")
    receipt = practice.receipts(decision)["bookkeeper"]
    assert (receipt.outcome, receipt.evidence.grade) == ("retained", "statement")
    assert [(part.id, part.ground, part.until) for part in receipt.retained] == [(invoice, "fiscal-retention", UNTIL)]


def test_a_bookkeeper_is_told_which_invoice_goes_and_which_stays(practice) -> None:
    """Erasing all it has of the person would destroy what the law wants kept."""
    client = practice.client()
    goes, stays, unnamed = practice.invoice(client), practice.invoice(client), practice.invoice(client)
    practice.hand_over(client, "bookkeeper", invoices=[goes, stays, unnamed])
    decision = practice.decide(invoices=[goes], keep=[stays], until=UNTIL)
    practice.settle()
    page = practice.page(practice.task(BOOKKEEPER))
    assert "Reference 2026-0001 " in page
    assert "invoices 2026-0002: Fiscal retention" in page
    assert "invoices 2026-0003: not part of this task" in page
    practice.state(practice.task(BOOKKEEPER), "done")
    assert [part.id for part in practice.receipts(decision)["bookkeeper"].retained] == [stays]
    practice.clock.forward(minutes=1)
    later = practice.decide(invoices=[goes, stays, unnamed])
    practice.settle()
    page = practice.page(practice.task(BOOKKEEPER))
    assert "Reference 2026-0002, 2026-0003 " in page  # the first is gone there, as was stated
    practice.state(practice.task(BOOKKEEPER), "nothing-held")
    assert practice.receipts(later)["bookkeeper"].outcome == "nothing-held"


def test_a_bookkeeper_that_keeps_more_than_was_said_says_why(practice) -> None:
    """What it keeps of what should go has its ground, what the decision leaves has the decision's."""
    client = practice.client()
    goes, stays = practice.invoice(client), practice.invoice(client)
    practice.hand_over(client, "bookkeeper", invoices=[goes, stays])
    decision = practice.decide(invoices=[goes], keep=[stays], until=UNTIL)
    practice.settle()
    practice.state(practice.task(BOOKKEEPER), "retained", ground="legal-claim", until="2027-06-01")
    parts = {part.id: part for part in practice.receipts(decision)["bookkeeper"].retained}
    assert (parts[goes].ground, parts[goes].until) == ("legal-claim", datetime(2027, 6, 1, tzinfo=UTC))
    assert (parts[stays].ground, parts[stays].until) == ("fiscal-retention", UNTIL)
    given = practice.get(f"clients/{client}/transfers").json["items"]
    assert [(item["record"], item["ended_at"]) for item in given] == [(stays, None)]


def test_what_is_asked_of_whoever_proved_who_they_are_is_not_passed_on_to_who_never_had_it(practice) -> None:
    """Where we hold nothing any more to recognise an invoice by, a person has to look; nobody is told a name."""

    class Claims:
        def identifiers(self, decision: str) -> SubjectIdentifiers:
            return SubjectIdentifiers(name="Anna Jansen", email=ANNA["email"], phone="+31612345678")

    client = practice.client()
    invoice = practice.invoice(client)
    practice.hand_over(client, "bookkeeper", invoices=[invoice])
    practice.decide(invoices=[invoice])
    practice.settle()
    practice.state(practice.task(BOOKKEEPER), "retained", ground="legal-claim", until="2027-06-01")
    practice.installation.tools["dossier"] = replace(practice.tools, claims=Claims())
    practice.decide(invoices=[invoice])
    practice.settle()
    assert len(practice.mails(BOOKKEEPER)) == 1
    assert [row["state"] for row in practice.obligations() if row["processor"] == "bookkeeper"][-1] == "parked"


def test_p38_a_processor_is_told_of_the_invoices_that_are_over_and_not_to_touch_later_ones(practice) -> None:
    """The end of a term is the end of some records of a person, never of the person."""
    practice.clock.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    client = practice.client()
    old = practice.invoice(client)
    practice.clock.now = datetime(2029, 3, 1, 12, 0, tzinfo=UTC)
    new = practice.invoice(client)
    practice.hand_over(client, "bookkeeper", invoices=[old, new])
    practice.hand_over(client, "medical-crm", clients=[client])
    practice.clock.now = datetime(2034, 1, 1, 12, 0, tzinfo=UTC)
    practice.run_job("terms of invoices")
    practice.settle()
    page = practice.page(practice.task(BOOKKEEPER))
    assert "Reference 2026-0001 " in page
    assert "invoices 2029-0001: not part of this task" in page
    assert practice.mails(CRM) == []
    assert practice.get(f"invoices/{old}").status_code == 410
    assert practice.get(f"invoices/{new}").status_code == 200


def test_at_a_processor_the_other_with_the_same_address_is_named_as_staying(practice) -> None:
    """Who is found by an address there as here must not take the other along."""
    anna = practice.client()
    daughter = practice.client({"first_name": "Sofie", "last_name": "Jansen", "email": ANNA["email"]})
    for client in (anna, daughter):
        practice.hand_over(client, "medical-crm", clients=[client])
    practice.decide(clients=[anna])
    practice.settle()
    assert "names and contact details: not part of this task" in practice.page(practice.task(CRM))


@pytest.mark.parametrize("kind", ["unsubscribe", "withdrawal", "objection"])
def test_who_wants_no_offers_any_more_gets_none(practice, kind) -> None:
    """A flag that was off already counts as carried out; nothing is erased by it."""
    client, other = practice.client(marketing=True), practice.client(BERT | {"marketing": True})
    never = practice.client({"name": "Iemand", "email": ANNA["email"]})
    contact = practice.contact(client)
    named = {} if kind == "unsubscribe" else {"clients": [client, never]}
    decision = practice.decide(kind, refs=practice.refs(email=ANNA["email"]), **named)
    practice.settle()
    assert [practice.row(Client, each).marketing for each in (client, never, other)] == [False, False, True]
    receipt = practice.receipts(decision)[None]
    assert (receipt.outcome, receipt.counts) == ("done", {"clients": 2})
    assert practice.get(f"contacts/{contact}").status_code == 200


def test_a_yes_after_an_unsubscribe_was_decided_stands(practice) -> None:
    """A late no is about what was before it."""
    client = practice.client(marketing=True)
    decision = practice.decide("unsubscribe", refs=practice.refs(email=ANNA["email"]))
    practice.clock.forward(minutes=5)
    practice.post(f"clients/{client}/marketing", {"wanted": True})
    practice.settle()
    assert practice.row(Client, client).marketing is True
    assert practice.receipts(decision)[None].outcome == "nothing-held"
