"""Closing: what was done reaches the person, with how it is known and what stays."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.requests.cases.records import RightsRequest
from services.requests.ledger.records import ExpectedAnswer
from shared.events import DecisionClosed
from tests.services.requests.clinic import EMAIL, VERIFIED

SUBSCRIPTION = "3f1c0000-0000-4000-8000-000000000001"
FORM = "3f1c0000-0000-4000-8000-000000000002"
INVOICE = "3f1c0000-0000-4000-8000-000000000004"
NEWS = {"service": "newsletter", "category": "subscriptions", "id": SUBSCRIPTION}
FORMS = {"service": "intake", "category": "contact-forms", "id": FORM}
KEPT = {
    "service": "dossier",
    "category": "invoices",
    "id": INVOICE,
    "ground": "fiscal-retention",
    "until": "2034-01-01",
}


@pytest.fixture
def granted(clinic) -> str:
    """A request that was granted, and on which everybody has answered."""
    clinic.hold("newsletter", SUBSCRIPTION)
    clinic.hold("intake", FORM)
    case_id = clinic.assessed()
    clinic.clock.forward(minutes=5)
    clinic.act(case_id, "decision", {"outcome": "grant", "records": [NEWS, FORMS]})
    clinic.settle()
    return case_id


def test_what_was_granted_is_gone_and_the_person_is_told_by_whom_and_how_that_is_known(clinic, granted):
    """The mail names every party that acted, its evidence, and who had nothing to do with it."""
    assert clinic.held("newsletter") == clinic.held("intake") == []
    case = clinic.case(granted)
    assert (case["state"], case["outcome"]) == ("closed", "granted")
    mail = clinic.mail("Uitvoeringsbevestiging")
    assert mail.to == EMAIL
    assert re.search(r"nieuwsbrief: gewist \(2 november 2026\)\.\s+Hoe wij dat weten: wij telden daarna", mail.text)
    assert re.search(r"Webhuis: gewist \(2 november 2026\)\.\s+Hoe wij dat weten: een met name bekende", mail.text)
    assert "dossier: niets te wissen" in mail.text
    assert re.search(r"niet\s+benaderd: Mailhuis\.", mail.text)
    assert clinic.tools.policy.authority.url in mail.text
    assert [letter["kind"] for letter in case["letters"]] == ["receipt", "confirmation"]
    assert case["letters"][-1]["sent_by"] == "mail"


def test_what_stays_is_in_the_mail_with_its_ground_and_its_end(clinic):
    """Nobody is told that everything is gone when an invoice stays."""
    clinic.hold("newsletter", SUBSCRIPTION)
    clinic.hold("dossier", INVOICE)
    case_id = clinic.assessed(language="en")
    body = {"outcome": "partly", "records": [NEWS], "retained": [KEPT], "explanation": "Your invoice of March stays."}
    assert clinic.act(case_id, "decision", body).status_code == 200
    clinic.settle()
    assert clinic.held("dossier") == [INVOICE]
    text = clinic.mail("Confirmation of what was done").text
    assert ", in part" in text
    assert "Invoices. Reason: Fiscal retention (art. 52(4) AWR). Until 1 January 2034." in text
    assert "Your invoice of March stays." in text
    assert "rechtbank" in text


def test_what_stays_is_told_at_once_and_not_only_when_everybody_has_answered(clinic):
    """The month to give reasons does not wait for the slowest processor (AVG art. 12(4))."""
    clinic.hold("dossier", INVOICE)
    case_id = clinic.assessed()
    clinic.act(case_id, "decision", {"outcome": "partly", "retained": [KEPT], "explanation": "Factuur van maart."})
    text = clinic.mail("Ons besluit").text
    assert clinic.case(case_id)["state"] == "executing"
    assert "Facturen. Reden: Fiscale bewaarplicht (art. 52(4) AWR). Tot 1 januari 2034." in text
    assert "Factuur van maart." in text
    assert "rechtbank" in text
    assert clinic.tools.policy.authority.url in text


def test_a_medical_category_is_not_named_in_a_mail(clinic):
    """Mail with health data needs more than transport encryption (NTA 7516)."""
    clinic.hold("dossier", INVOICE)
    case_id = clinic.assessed()
    kept = KEPT | {"category": "reports", "ground": "good-care", "until": None}
    clinic.act(case_id, "decision", {"outcome": "partly", "retained": [kept], "physician_agreed_by": "k.bakker"})
    clinic.settle()
    text = clinic.mail("Uitvoeringsbevestiging").text
    assert "Een deel van je dossier. Reden: Goede hulpverlening" in text
    assert "report" not in text


def test_a_party_that_never_confirmed_is_named_as_such(clinic):
    """Closed by two people is not the same as done, and the person is told so."""
    clinic.hold("intake", FORM)
    case_id = clinic.assessed()
    clinic.act(case_id, "decision", {"outcome": "grant", "records": [FORMS]})
    decision = clinic.case(case_id)["decision"]["id"]
    clinic.installation.mover.move()
    clinic.installation.apply()
    with clinic.tools.database.transaction() as session:
        answer = session.get(ExpectedAnswer, (decision, "intake", "webhuis"))
        answer.outcome, answer.terminal = "closed-unconfirmed", True
        clinic.tools.outbox.publish(session, DecisionClosed(decision=decision), now=clinic.clock())
    clinic.installation.mover.move()
    clinic.installation.apply()
    text = clinic.mail("Uitvoeringsbevestiging").text
    assert re.search(r"geen bevestiging.+gewist: [^.]*Webhuis[^.]*\.", text, re.DOTALL)
    assert "Webhuis: gewist" not in text


def test_nothing_held_is_an_answer_too(clinic):
    """Somebody who is unknown here gets the same kind of confirmation, saying so."""
    case_id = clinic.assessed()
    clinic.act(case_id, "decision", {"outcome": "grant"})
    clinic.settle()
    assert clinic.case(case_id)["state"] == "closed"
    assert clinic.mail("Uitvoeringsbevestiging").text.count("niets te wissen") == 4


def test_an_end_that_is_announced_twice_writes_one_letter(clinic, granted):
    """Deliveries come at least once; letters go once."""
    count = len(clinic.mails())
    decision = clinic.case(granted)["decision"]["id"]
    with clinic.tools.database.transaction() as session:
        clinic.tools.outbox.publish(session, DecisionClosed(decision=decision), now=clinic.clock())
    clinic.settle()
    assert len(clinic.mails()) == count


def test_p67_an_answer_to_an_address_that_nobody_proved_is_not_mailed_but_delivered(clinic):
    """Identity was proved by a passport; who reads that mailbox was not. Registered post has a track code."""
    case_id = clinic.enter().json["id"]
    act = {"method": "counter", "document_type": "passport", "outcome": "verified", "phone": True}
    clinic.act(case_id, "identity", act)
    clinic.settle()
    clinic.clock.forward(minutes=5)
    clinic.act(case_id, "decision", {"outcome": "grant"})
    clinic.settle()
    case = clinic.case(case_id)
    assert case["state"] == "executed"
    assert len(clinic.mails()) == 1
    letter = clinic.get(f"requests/{case_id}/letters/{case['letters'][-1]['id']}").json
    assert letter["subject"].startswith("Uitvoeringsbevestiging")
    assert "Beste Anna Jansen" in letter["text"]
    for wrong in ({"via": "registered-post"}, {"via": "counter", "track_code": "3SABC1234567"}, {"via": "pigeon"}):
        assert clinic.act(case_id, "delivery", wrong).status_code == 422
    sent = {"via": "registered-post", "track_code": "3SABC1234567"}
    assert clinic.act(case_id, "delivery", sent | {"sent_on": "2026-11-03"}).status_code == 422
    assert clinic.act(case_id, "delivery", sent, "front-desk").json["state"] == "closed"
    last = clinic.case(case_id)["letters"][-1]
    assert (last["sent_by"], last["sent_on"], last["track_code"]) == ("registered-post", "2026-11-02", "3SABC1234567")
    assert clinic.act(case_id, "delivery", sent).status_code == 409


def test_a_letter_is_for_the_coordinator_and_belongs_to_its_request(clinic, granted):
    """What a letter says is nobody else's business, and an id of another request opens nothing."""
    letter = clinic.case(granted)["letters"][-1]["id"]
    assert clinic.get(f"requests/{granted}/letters/{letter}", "front-desk").status_code == 403
    other = clinic.enter().json["id"]
    assert clinic.get(f"requests/{other}/letters/{letter}").status_code == 404


def test_a_service_claims_what_was_proved_while_the_decision_is_carried_out(clinic):
    """A processor needs an address to recognise somebody by; once everybody answered, nobody does."""
    clinic.hold("intake", FORM)
    case_id = clinic.assessed()
    clinic.act(case_id, "decision", {"outcome": "grant", "records": [FORMS]})
    case = clinic.case(case_id)
    path = f"/requests/v1/claims/{case['decision']['id']}"
    answer = clinic.client.get(path, headers=clinic.service_token("intake"))
    assert answer.json == {"name": "Anna Jansen", "email": EMAIL, "phone": None}
    assert clinic.client.get(path, headers=clinic.token("privacy-coordinator")).status_code == 403
    assert clinic.client.get(path).status_code == 401
    inquiry = f"/requests/v1/claims/{case['inquiry']['decision']}"
    assert clinic.client.get(inquiry, headers=clinic.service_token("intake")).status_code == 404
    clinic.settle()
    assert clinic.client.get(path, headers=clinic.service_token("intake")).status_code == 410


def test_a_request_can_be_taken_back_until_it_is_decided(clinic):
    """Nothing is erased for somebody who changed their mind."""
    clinic.hold("newsletter", SUBSCRIPTION)
    case_id = clinic.assessed()
    answer = clinic.act(case_id, "withdrawal")
    assert (answer.json["state"], answer.json["outcome"]) == ("closed", "withdrawn")
    assert clinic.mail("ingetrokken").to == EMAIL
    assert clinic.held("newsletter") == [SUBSCRIPTION]
    other = clinic.assessed()
    clinic.act(other, "decision", {"outcome": "grant", "records": [NEWS]})
    assert clinic.act(other, "withdrawal").status_code == 409


def test_a_late_answer_to_an_inquiry_leaves_a_closed_request_alone(clinic):
    """Who took the request back is not looked up after all."""
    clinic.hold("newsletter", SUBSCRIPTION)
    case_id = clinic.enter().json["id"]
    clinic.act(case_id, "identity", VERIFIED)
    clinic.act(case_id, "withdrawal")
    clinic.settle()
    case = clinic.case(case_id)
    assert (case["state"], case["inquiry"]["candidates"]) == ("closed", [])


def test_the_confirmation_tells_of_the_backups(clinic, granted):
    """The window in which an old backup still has the wrapped key is stated, not hidden."""
    text = clinic.mail("Uitvoeringsbevestiging").text
    assert "35 dagen" in text
    assert "14 dagen" in text
    with clinic.tools.database.reading() as session:
        assert session.scalar(sa.select(RightsRequest.closed_at)) == clinic.clock()


@pytest.mark.xdist_group("servers")
def test_the_whole_way_is_the_same_on_postgresql(clinic_on_postgresql):
    """From the form to the confirmation and to the end of the file's term, on the other database."""
    clinic = clinic_on_postgresql
    clinic.hold("newsletter", SUBSCRIPTION)
    assert clinic.ask(email="ander@voorbeeld.example").status_code == 202
    case_id = clinic.assessed()
    assert [item["id"] for item in clinic.get("requests?limit=1").json["items"]]
    assert clinic.act(case_id, "extension", {"reason": "number"}).status_code == 200
    assert clinic.act(case_id, "decision", {"outcome": "grant", "records": [NEWS]}).status_code == 200
    clinic.settle()
    assert clinic.case(case_id)["state"] == "closed"
    assert clinic.held("newsletter") == []
    clinic.clock.now += timedelta(days=5 * 366)
    for job in ("mail receipts that were held back", "watch the clocks of requests", "end the terms of requests"):
        clinic.run(job)
    clinic.settle()
    assert clinic.case(case_id)["contact"] is None
