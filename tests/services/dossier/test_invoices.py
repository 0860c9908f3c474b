"""Invoices: numbered without gaps, taken back and never deleted, and nobody's business but the books'."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime

import pytest
from dateutil.relativedelta import relativedelta
from hypothesis import given
from hypothesis import strategies as st

from services.dossier import rules
from services.dossier.records import Invoice
from services.dossier.rules import Line, VatTotal
from tests.services.dossier.practice import ANNA, BERT, LINES


def test_p26_an_invoice_says_whom_what_and_how_much_and_nothing_more(practice) -> None:
    """Name and address, not the telephone; amounts with the VAT that is in them."""
    lines = [
        {"text": "Consult", "quantity": 2, "unit_cents": 12100},
        {"text": "Verzorgingsproduct", "unit_cents": 1090, "vat_percent": 9},
        {"text": "Korting", "unit_cents": -1000},
    ]
    made = practice.post(f"clients/{practice.client()}/invoices", {"lines": lines}, role="bookkeeper")
    assert (made.status_code, made.json["number"], set(made.json)) == (201, "2026-0001", {"id", "number"})
    shown = practice.http.get(made.headers["Location"], headers=practice.bearer("bookkeeper")).json
    assert shown["addressee"] == {
        "name": "Anna Jansen-de Vries",
        "street": "Dorpsstraat 1",
        "postal_code": "1234 AB",
        "city": "Utrecht",
        "country": "NL",
    }
    assert shown["total_cents"] == 24290
    assert shown["vat"] == [
        {"vat_percent": 21, "net_cents": 19174, "vat_cents": 4026},
        {"vat_percent": 9, "net_cents": 1000, "vat_cents": 90},
    ]
    assert (shown["issued_on"], shown["kept_until"], shown["paid_on"]) == ("2026-11-02", "2033-12-31", None)
    assert ANNA["phone"][-6:] not in made.text


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"lines": []}, "lines"),
        ({"lines": [{"text": "Consult"}]}, "lines.0.unit_cents"),
        ({"lines": [{"text": "Consult", "unit_cents": 12.5}]}, "lines.0.unit_cents"),
        ({"lines": [{"text": "Consult", "unit_cents": 100, "vat_percent": 19}]}, "lines.0.vat_percent"),
        ({"lines": [{"text": "Consult", "unit_cents": 100, "diagnosis": "x"}]}, "lines.0.diagnosis"),
        ({"lines": [{"text": "Korting", "unit_cents": -100}]}, "lines"),
        ({"issued_on": "2026-11-03"}, "issued_on"),  # tomorrow
        ({"number": "2026-0007"}, "number"),
    ],
)
def test_what_is_no_invoice_uses_up_no_number(practice, fields, wrong) -> None:
    """The next good one gets the number."""
    client = practice.client()
    answer = practice.post(f"clients/{client}/invoices", LINES | fields)
    assert (answer.status_code, set(answer.json["errors"])) == (422, {wrong})
    assert practice.post(f"clients/{client}/invoices", LINES).json["number"] == "2026-0001"


def test_p51_each_financial_year_has_its_own_sequence(practice) -> None:
    """An invoice of last year that is written now is the next one of last year."""
    client = practice.client()
    for day in ("2026-03-01", "2025-12-31", "2026-10-01", "2025-01-01"):
        practice.invoice(client, issued_on=day)
    numbers = {str(row.issued_on): row.number for row in practice.rows(Invoice)}
    assert numbers == {
        "2026-03-01": "2026-0001",
        "2025-12-31": "2025-0001",
        "2026-10-01": "2026-0002",
        "2025-01-01": "2025-0002",
    }


def test_p51_many_at_once_get_every_number_once(anywhere) -> None:
    """Thirty invoices from eight desks: 1 to 30, none twice and none left out, on both databases."""
    clients = [anywhere.client(), anywhere.client(BERT)]
    app, headers = anywhere.http.application, anywhere.bearer("front-desk")

    def issue(position: int) -> int:
        lines = LINES if position % 5 else {"lines": [{"text": "Korting", "unit_cents": -1}]}  # every fifth fails
        with app.test_client() as http:
            path = f"/dossier/v1/clients/{clients[position % 2]}/invoices"
            return http.post(path, json=lines, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(issue, range(30)))
    assert sorted(statuses) == [201] * 24 + [422] * 6
    assert sorted(row.number for row in anywhere.rows(Invoice)) == [f"2026-{n:04}" for n in range(1, 25)]


def test_one_key_makes_one_invoice(practice) -> None:
    """The same number comes back."""
    client = practice.client()
    first, again = (practice.post(f"clients/{client}/invoices", LINES, Idempotency_Key="one") for _ in range(2))
    assert (again.status_code, again.json) == (201, first.json)
    assert len(practice.rows(Invoice)) == 1


def test_p51_an_invoice_is_taken_back_by_a_note_and_never_deleted(practice) -> None:
    """Once, whole, under the next number; the two together are nothing."""
    invoice = practice.invoice(practice.client(), lines=[{"text": "Consult", "quantity": 2, "unit_cents": 12100}])
    made = practice.post(f"invoices/{invoice}/credit", role="bookkeeper")
    assert (made.status_code, made.json["number"]) == (201, "2026-0002")
    note, taken_back = (practice.get(f"invoices/{each}").json for each in (made.json["id"], invoice))
    assert (note["total_cents"], note["credits"], taken_back["credited_by"]) == (-24200, invoice, note["id"])
    assert (note["client"], note["addressee"]) == (taken_back["client"], taken_back["addressee"])
    assert practice.post(f"invoices/{invoice}/credit").status_code == 409
    assert practice.post(f"invoices/{note['id']}/credit").status_code == 409
    deleted = practice.http.delete(f"/dossier/v1/invoices/{invoice}", headers=practice.bearer("bookkeeper"))
    assert deleted.status_code == 405


def test_a_payment_is_noted_once(practice) -> None:
    """The same day again is no error; another day is."""
    invoice = practice.invoice(practice.client())
    for _ in range(2):
        answer = practice.post(f"invoices/{invoice}/payment", {"paid_on": "2026-11-01"})
        assert (answer.status_code, answer.json["paid_on"]) == (200, "2026-11-01")
    assert practice.post(f"invoices/{invoice}/payment", {"paid_on": "2026-10-31"}).status_code == 409
    assert practice.post(f"invoices/{invoice}/payment", {"paid_on": "2026-11-03"}).status_code == 422


@pytest.mark.parametrize("role", ["physician", "assistant", "fg", "admin"])
def test_p9_what_somebody_paid_is_for_the_desk_and_the_books(practice, role) -> None:
    """Nobody else reads or writes invoices."""
    client = practice.client()
    invoice = practice.invoice(client)
    for path in (f"clients/{client}/invoices", f"invoices/{invoice}", "invoices"):
        assert practice.get(path, role).status_code == 403
    assert practice.post(f"clients/{client}/invoices", LINES, role).status_code == 403


def test_who_decides_about_an_invoice_may_read_it_and_not_write_one(practice) -> None:
    """The privacy coordinator looks at what an inquiry found."""
    client = practice.client()
    invoice = practice.invoice(client)
    assert practice.get(f"invoices/{invoice}", "privacy-coordinator").status_code == 200
    assert practice.post(f"clients/{client}/invoices", LINES, "privacy-coordinator").status_code == 403


def test_a_list_shows_nothing_of_what_is_in_an_invoice(practice) -> None:
    """Of one client, or of all for the bookkeeper, who searches nobody; in pages, the latest first."""
    anna, bert = practice.client(), practice.client(BERT)
    for client in (anna, bert, anna, anna):
        practice.invoice(client)
        practice.clock.forward(minutes=1)
    of_anna = practice.get(f"clients/{anna}/invoices").json["items"]
    assert {item["number"] for item in of_anna} == {"2026-0001", "2026-0003", "2026-0004"}
    seen, path = [], "invoices?limit=3"
    while path:
        answer = practice.get(path, "bookkeeper").json
        seen += answer["items"]
        path = answer["next"] and f"invoices?limit=3&cursor={answer['next']}"
    assert [item["number"] for item in seen] == ["2026-0004", "2026-0003", "2026-0002", "2026-0001"]
    assert {"id", "number", "client", "issued_on", "paid_on", "credits", "kept_until"} == set(seen[0])


RATES = st.sampled_from([0, 9, 21])
LINE = st.builds(Line, quantity=st.integers(-50, 50), unit_cents=st.integers(-10_000, 10_000), vat_percent=RATES)


@given(st.lists(LINE, max_size=8))
def test_vat_and_net_make_the_total_to_the_cent(lines) -> None:
    """Within half a cent of what the rate says; and a credit note is the exact opposite."""
    totals = rules.vat_totals(lines)
    assert sum(each.net_cents + each.vat_cents for each in totals) == sum(line.cents for line in lines)
    for each in totals:
        gross = each.net_cents + each.vat_cents
        assert abs(each.vat_cents * (100 + each.vat_percent) - gross * each.vat_percent) * 2 <= 100 + each.vat_percent
    opposite = [Line(-line.quantity, line.unit_cents, line.vat_percent) for line in lines]
    assert rules.vat_totals(opposite) == [VatTotal(t.vat_percent, -t.net_cents, -t.vat_cents) for t in totals]


@given(
    today=st.dates(date(2020, 1, 1), date(2060, 12, 31)),
    day=st.dates(date(2010, 1, 1), date(2060, 12, 31)),
    starts=st.sampled_from([(1, 1), (4, 1), (7, 1)]),
)
def test_p38_over_is_whatever_is_older_than_seven_years_after_its_financial_year(today, day, starts) -> None:
    """The day that parts them, against the rule applied to a single day."""
    year = rules.financial_year(day, starts)
    ends = date(year + 1, *starts) + relativedelta(years=7)
    assert (day < rules.over_before(today, relativedelta(years=7), starts)) == (ends <= today)


@pytest.mark.parametrize(
    ("moment", "present"),
    [
        (datetime(2033, 12, 31, 22, 59, tzinfo=UTC), True),  # a minute to midnight in Amsterdam
        (datetime(2033, 12, 31, 23, 0, tzinfo=UTC), False),
    ],
)
def test_p38_an_invoice_of_march_2026_goes_on_the_first_of_january_2034(practice, moment, present) -> None:
    """Not a day earlier, and it is decided and receipted like everything else that goes."""
    practice.clock.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    client = practice.client()
    invoice = practice.invoice(client)
    practice.clock.now = moment
    practice.run_job("terms of invoices")
    practice.settle()
    assert (practice.row(Invoice, invoice) is not None) == present
    assert practice.get(f"invoices/{invoice}").status_code == (200 if present else 410)
    assert practice.get(f"clients/{client}").status_code == 200
    decided = practice.decisions()
    assert [each.ground for each in decided] == ([] if present else ["dossier.fiscal"])
    if not present:
        assert practice.receipts(decided[0].decision)[None].counts == {"invoices": 1}
