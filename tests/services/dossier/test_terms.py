"""How long the dossier keeps what is not medical: ended by the clock, told and receipted; the rest by no clock."""

from __future__ import annotations

from datetime import UTC, datetime

from services.dossier.records import Client, Contact, Invoice
from services.dossier.service import SERVICE
from shared.clock import utc_text
from tests.services.dossier.practice import ANNA, BERT


def run_every_job(practice) -> None:
    """Let the clock do all it does."""
    for job in practice.installation.services["dossier"].jobs:
        job.run(practice.tools, practice.clock())
    practice.settle()


def test_p39_no_clock_destroys_a_client(practice) -> None:
    """Thirty years later the client is still there; what went with products and services is not."""
    client = practice.client()
    practice.contact(client)
    practice.invoice(client)
    practice.clock.now = datetime(2056, 11, 2, 9, 0, tzinfo=UTC)
    run_every_job(practice)
    assert practice.get(f"clients/{client}").status_code == 200
    assert (practice.count("contacts"), practice.count("invoices")) == (0, 0)


def test_p38_many_invoices_of_many_clients_are_decided_one_client_at_a_time(practice) -> None:
    """After ten years away one run decides all that is over, in one decision for each person."""
    practice.clock.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    clients = [practice.client(), practice.client(BERT)]
    for number in range(6):
        practice.invoice(clients[number % 2])
    practice.clock.now = datetime(2036, 5, 1, 12, 0, tzinfo=UTC)
    for _ in range(3):
        practice.run_job("terms of invoices")  # decided once, however often the job runs
    assert sorted(len(decision.records) for decision in practice.decisions()) == [3, 3]
    assert {decision.decided_by for decision in practice.decisions()} == {"policy"}
    practice.settle()
    assert practice.rows(Invoice) == []


def test_p38_a_run_takes_more_than_one_transaction_s_worth(practice) -> None:
    """Batches end; the run goes on."""
    client = practice.client()
    with practice.tools.database.transaction() as session:
        for number in range(450):
            sealed = practice.tools.vault.seal(f"c{number}", {"note": None})
            session.add(
                Contact(
                    id=f"c{number}",
                    client=client,
                    channel="phone",
                    reason="question",
                    at=practice.clock(),
                    noted_by="m.devries",
                    created_at=practice.clock(),
                    sealed=sealed.ciphertext,
                    key_id=sealed.key_id,
                )
            )
    practice.clock.now = datetime(2034, 1, 1, 12, 0, tzinfo=UTC)
    practice.run_job("contact history")
    practice.settle()
    assert practice.count("contacts") == 0
    assert sum(len(decision.records) for decision in practice.decisions()) == 450


def test_p38_contact_history_goes_seven_years_after_its_year(practice) -> None:
    """New Year's Eve in Amsterdam belongs to the old year, whatever the hour is in Greenwich."""
    practice.clock.now = datetime(2027, 1, 2, 12, 0, tzinfo=UTC)
    client = practice.client()
    old = practice.contact(client, at=utc_text(datetime(2026, 12, 31, 22, 59, tzinfo=UTC)))
    new = practice.contact(client, at=utc_text(datetime(2026, 12, 31, 23, 0, tzinfo=UTC)))
    practice.clock.now = datetime(2034, 1, 1, 12, 0, tzinfo=UTC)
    practice.run_job("contact history")
    practice.settle()
    assert practice.get(f"contacts/{old}").status_code == 410
    assert practice.get(f"contacts/{new}").status_code == 200
    assert [decision.ground for decision in practice.decisions()] == ["dossier.service"]


def test_somebody_who_did_not_become_a_client_is_forgotten_a_year_after_the_last_contact(practice) -> None:
    """With every contact there was; a client is not, and neither is who called last month."""
    practice.clock.now = datetime(2028, 2, 29, 12, 0, tzinfo=UTC)
    lead, client, caller = (
        practice.client(kind="lead"),
        practice.client(BERT),
        practice.client({"name": "Cas"}, kind="lead"),
    )
    contact = practice.contact(lead)
    practice.clock.now = datetime(2029, 1, 28, 12, 0, tzinfo=UTC)
    practice.contact(caller)
    practice.clock.now = datetime(2029, 2, 28, 11, 59, tzinfo=UTC)
    practice.run_job("leads")
    practice.settle()
    assert practice.decisions() == []
    practice.clock.now = datetime(2029, 2, 28, 12, 0, tzinfo=UTC)
    practice.run_job("leads")
    practice.settle()
    assert practice.get(f"clients/{lead}").status_code == 410
    assert practice.get(f"contacts/{contact}").status_code == 410
    assert {row.id for row in practice.rows(Client)} == {client, caller}
    (decision,) = practice.decisions()
    assert (decision.ground, {ref.category for ref in decision.records}) == ("dossier.lead", {"clients", "contacts"})
    assert set(decision.refs) == set(practice.refs(ANNA["email"], ANNA["phone"]))


def test_the_end_of_a_term_that_is_decided_holds_off_every_change(practice) -> None:
    """Also before the decision has come back through our own inbox."""
    lead = practice.client(kind="lead")
    practice.clock.forward(days=400)
    practice.run_job("leads")
    assert practice.patch(lead, {"kind": "client"}).status_code == 409
    practice.settle()
    assert practice.get(f"clients/{lead}").status_code == 410


def test_p33_every_table_has_a_term_in_the_policy(practice) -> None:
    """The service does not start without."""
    practice.tools.policy.check_tables(SERVICE.metadata)
    assert {table.info["term"] for table in SERVICE.metadata.tables.values()} >= {
        "dossier.client",
        "dossier.service",
        "dossier.fiscal",
    }
