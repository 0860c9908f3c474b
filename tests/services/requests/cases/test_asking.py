"""Asking: a person by form, staff for somebody who came, wrote or called."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from services.requests.cases.records import Letter, RightsRequest
from tests.services.requests.clinic import ASKED, EMAIL

HTML = {"Accept": "text/html,application/xhtml+xml"}
RECEIPTS = "mail receipts that were held back"


def test_p60_a_request_is_answered_with_a_reference_and_a_mail_with_the_due_date(clinic):
    """Whoever asks has it in writing: the reference, and by when the answer comes."""
    answer = clinic.ask()
    assert answer.status_code == 202
    assert answer.json.keys() == {"reference", "due_on"}
    assert answer.json["due_on"] == "2026-12-02"
    [mail] = clinic.mails()
    assert mail.to == EMAIL
    assert answer.json["reference"] in mail.text
    assert "2 december 2026" in mail.text


def test_p81_the_receipt_says_where_to_complain_at_any_time(clinic):
    """The authority's address is in the first mail already, in the reader's language."""
    clinic.ask(language="en")
    [mail] = clinic.mails()
    assert clinic.tools.policy.authority.url in mail.text
    assert "at any time" in mail.text


def test_the_receipt_repeats_nothing_that_was_typed(clinic):
    """Anybody can type anybody's address, and with it words that the clinic would then mail to them."""
    clinic.ask(name="Win een prijs op kwaad.example", message="Klik hier")
    [mail] = clinic.mails()
    assert "prijs" not in mail.subject + mail.text
    assert "Klik" not in mail.text


def test_p63_somebody_known_and_somebody_unknown_get_the_same_answer(clinic):
    """The form does not tell whether an address is known here."""
    clinic.hold("newsletter", "3f1c0000-0000-4000-8000-000000000001")
    known, unknown = clinic.ask(), clinic.ask(email="niemand@voorbeeld.example")
    assert (known.status_code, known.json.keys()) == (unknown.status_code, unknown.json.keys())
    assert known.json["due_on"] == unknown.json["due_on"]
    texts = [re.sub(r"W-2026-\S+", "", mail.text) for mail in clinic.mails()]
    assert texts[0] == texts[1]


def test_an_address_gets_one_receipt_an_hour_and_none_is_lost(clinic):
    """The form is no way to pester people, and a second request still gets its receipt."""
    references = [clinic.ask().json["reference"] for _ in range(3)]
    assert len(clinic.mails()) == 1
    clinic.run(RECEIPTS)
    assert len(clinic.mails()) == 1
    clinic.clock.forward(minutes=61)
    clinic.run(RECEIPTS)
    first, second = clinic.mails()
    assert references[0] in first.text
    assert all(reference in second.text for reference in references[1:])
    clinic.clock.forward(hours=2)
    clinic.run(RECEIPTS)
    assert len(clinic.mails()) == 2


def test_a_request_whose_key_a_restore_took_along_keeps_nobody_from_a_receipt(clinic):
    """Newer than the backup of keys that was put back: it waits, and the others of that address and the next do not."""
    clinic.ask()
    clinic.ask(email="bert@voorbeeld.example")
    told, lost, other = (
        clinic.ask(email=email).json["reference"] for email in (EMAIL, EMAIL, "bert@voorbeeld.example")
    )
    with clinic.tools.database.reading() as session:
        key = session.scalar(sa.select(RightsRequest.key_id).where(RightsRequest.reference == lost))
    clinic.tools.vault.destroy([key])
    clinic.clock.forward(minutes=61)
    clinic.run(RECEIPTS)
    clinic.clock.forward(minutes=61)
    clinic.run(RECEIPTS)
    texts = [mail.text for mail in clinic.mails()[2:]]
    assert sorted(reference for text in texts for reference in (told, lost, other) if reference in text) == sorted(
        [told, other]
    )


def test_one_mail_for_several_requests_puts_in_each_file_only_its_own(clinic):
    """The same address need not be the same person: a file does not show another one's reference."""
    clinic.enter()
    cases = [clinic.enter().json for _ in range(2)]
    clinic.clock.forward(minutes=61)
    clinic.run(RECEIPTS)
    for mine, other in (cases, cases[::-1]):
        [letter] = clinic.case(mine["id"])["letters"]
        text = clinic.get(f"requests/{mine['id']}/letters/{letter['id']}").json["text"]
        assert mine["reference"] in text
        assert other["reference"] not in text


def test_a_strangers_request_does_not_stand_in_the_way_of_the_real_persons(clinic):
    """Whoever types an address first gains nothing by it: every ask is a case of its own."""
    strangers = clinic.ask(name="Iemand Anders").json["reference"]
    mine = clinic.enter().json
    assert mine["reference"] != strangers
    answer = clinic.act(mine["id"], "identity", {"method": "known-account", "outcome": "verified", "email": True})
    assert answer.status_code == 200


def test_the_reference_tells_nothing_of_how_many_came_before(clinic):
    """It is a label for the telephone: neither counted nor guessable."""
    references = {clinic.enter(email=f"p{number}@voorbeeld.example").json["reference"] for number in range(5)}
    assert len(references) == 5
    assert all(re.fullmatch(r"W-2026-[2-9A-Z]{4}-[2-9A-Z]{4}", each) for each in references)


@pytest.mark.parametrize("channel", ["post", "e-mail", "counter", "phone"])
def test_p64_the_clock_starts_on_the_day_of_receipt_by_whatever_channel(clinic, channel):
    """A letter that lay on a desk for a week is a week closer to its due day."""
    answer = clinic.enter(channel=channel, received_on="2026-10-26")
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/requests/v1/requests/{answer.json['id']}"
    case = clinic.case(answer.json["id"])
    assert case["channel"] == channel
    assert case["clock"]["received_on"] == "2026-10-26"
    assert case["clock"]["due_on"] == "2026-11-26"
    assert case["clock"]["target_on"] == "2026-11-05"
    assert case["clock"]["days_left"] == 24


def test_nothing_is_received_tomorrow(clinic):
    """A day that is still to come cannot start a clock."""
    answer = clinic.enter(received_on="2026-11-03")
    assert answer.status_code == 422
    assert answer.json["errors"].keys() == {"received_on"}


def test_only_staff_say_how_and_when_a_request_came(clinic):
    """A visitor cannot put the clinic's clock back."""
    answer = clinic.ask(channel="post", received_on="2026-01-01")
    assert answer.status_code == 422
    assert answer.json["errors"].keys() == {"channel", "received_on"}


def test_staff_say_the_channel_and_somebody_can_be_answered(clinic):
    """A request that nobody can be told of is not taken."""
    assert clinic.enter(channel=None).json["errors"].keys() == {"channel"}
    assert clinic.enter(email=None, phone=None).json["errors"].keys() == {"email"}
    assert clinic.enter(email=None, phone=None, address="Dorpsstraat 1").status_code == 201


def test_a_visitor_leaves_an_address(clinic):
    """Without one no receipt could be sent."""
    assert clinic.ask(email=None).json["errors"].keys() == {"email"}


def test_a_kind_that_does_not_work_yet_is_refused_with_the_way_out(clinic):
    """Nothing is promised that nobody would carry out."""
    answer = clinic.ask(kind="portability")
    assert answer.status_code == 422
    assert "by post or e-mail" in answer.json["errors"]["kind"][0]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "geen adres"),
        ("phone", "bel maar"),
        ("name", ""),
        ("name", "Anna\nBcc: iedereen@voorbeeld.example"),
        ("website", "https://robot.example"),
        ("bsn", "123456782"),
        ("language", "fr"),
    ],
)
def test_what_is_wrong_is_said_by_field_and_not_repeated(clinic, field, value):
    """An error names the field; the value could be anybody's."""
    answer = clinic.ask(**{field: value})
    assert answer.status_code == 422
    assert answer.json["errors"].keys() == {field}
    assert not value or value not in answer.text


@pytest.mark.parametrize("roles", [("fg",), ("assistant",), ("tool",), ("physician",)])
def test_other_roles_enter_nothing(clinic, roles):
    """Requests are the work of the front desk and the privacy coordinator."""
    assert clinic.enter(*roles).status_code == 403


def test_a_repeated_call_makes_one_request(clinic):
    """A tool that did not hear the answer asks again with the same key."""
    headers = clinic.token("privacy-coordinator") | {"Idempotency-Key": "7f3"}
    body = ASKED | {"channel": "post"}
    first, second = (clinic.client.post("/requests/v1/requests", json=body, headers=headers) for _ in range(2))
    assert first.status_code == second.status_code == 201
    assert first.json == second.json
    assert first.headers["Location"] == second.headers["Location"]
    assert len(clinic.get("requests").json["items"]) == 1


def test_who_asks_is_sealed(clinic):
    """In the clear stand days, states and references; a copy of the database names nobody."""
    clinic.ask()
    with clinic.tools.database.reading() as session:
        rows = [*session.execute(sa.select(RightsRequest.__table__)), *session.execute(sa.select(Letter.__table__))]
    stored = repr([tuple(row) for row in rows])
    assert rows
    assert "Jansen" not in stored
    assert "voorbeeld" not in stored
    assert "12345678" not in stored


def test_p83_the_form_works_in_a_browser_without_script_or_cookie(clinic):
    """The page posts as any form does, and answers with the reference."""
    page = clinic.client.get("/requests/", headers=HTML | {"Accept-Language": "en"})
    assert page.status_code == 200
    assert "Have your data erased" in page.text
    assert "<script" not in page.text
    assert "Set-Cookie" not in page.headers
    typed = {"kind": "erasure", "language": "nl", "name": "Anna Jansen", "email": EMAIL, "phone": "", "website": ""}
    answer = clinic.client.post("/requests/v1/requests", data=typed, headers=HTML)
    assert answer.status_code == 202
    assert re.search(r"W-2026-\w{4}-\w{4}", answer.text)
    assert "2 december 2026" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_a_mistake_shows_the_form_again_with_what_was_typed(clinic):
    """Nobody types their message twice."""
    typed = {"name": "Anna Jansen", "email": "anna", "message": "Alles <graag>", "language": "nl"}
    answer = clinic.client.post("/requests/v1/requests", data=typed, headers=HTML)
    assert answer.status_code == 422
    assert "Alles &lt;graag&gt;" in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_the_list_goes_by_due_day_and_pages(clinic):
    """What is due first stands at the top."""
    days = ["2026-10-30", "2026-10-20", "2026-10-25"]
    for number, day in enumerate(days):
        clinic.enter(received_on=day, email=f"p{number}@voorbeeld.example")
    first = clinic.get("requests?limit=2", "fg").json
    rest = clinic.get(f"requests?limit=2&cursor={first['next']}", "fg").json
    shown = [item["clock"]["received_on"] for item in (*first["items"], *rest["items"])]
    assert shown == sorted(days)
    assert rest["next"] is None
    assert clinic.get("requests?state=closed").json["items"] == []
    assert clinic.get("requests?state=lost").status_code == 422
