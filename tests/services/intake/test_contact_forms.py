"""The contact form: what is taken in, what is answered, and who reads it."""

from __future__ import annotations

import logging
import re

import pytest

from tests.services.intake.website import BROWSER, FORM, SUBMIT, open_website

READERS = {"physician", "assistant", "front-desk", "privacy-coordinator"}
OTHERS = {"bookkeeper", "fg", "admin"}


@pytest.mark.parametrize("how", ["json", "urlencoded", "multipart"])
def test_p16_a_form_is_answered_with_a_reference_and_kept(website, how) -> None:
    """In each of the three ways a site can pass it on."""
    kinds = {"json": {"json": FORM}, "urlencoded": {"data": FORM}}
    answer = website.client.post(SUBMIT, **kinds.get(how, {"data": FORM, "content_type": "multipart/form-data"}))
    assert answer.status_code == 202
    [form] = website.rows()
    assert answer.json == {"reference": form.reference}
    assert website.read(form.id).json["message"] == FORM["message"]


def test_p16_the_eleventh_form_within_a_minute_is_refused(tmp_path) -> None:
    """From one address on the network; nothing of it is kept, and the answer says when to try again."""
    with open_website(tmp_path, limited=True) as website:
        assert {website.send().status_code for _ in range(10)} == {202}
        refused = website.send()
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 60
        assert len(website.rows()) == 10


def test_a_form_that_a_site_passes_on_twice_under_one_key_is_one_form(website) -> None:
    """A site's server that got no answer sends it again; the clinic gets one mail."""
    key = {"Idempotency-Key": "site-1"}
    answers = [website.client.post(SUBMIT, json=FORM, headers=key) for _ in range(3)]
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    assert len(website.rows()) == len(website.mails()) == 1
    assert website.client.post(SUBMIT, json=FORM | {"message": "Iets anders."}, headers=key).status_code == 422


def test_p16_no_form_becomes_a_subscription_unless_the_visitor_ticks_it(website) -> None:
    """The box is empty on the page, and without it the newsletter is not even told whom it is about."""
    page = website.client.get("/intake/contact", headers=BROWSER).text
    [box] = re.findall(r"<input[^>]*name=\"newsletter\"[^>]*>", page)
    assert "checked" not in box
    website.send()
    website.send(newsletter=True)
    website.installation.settle()
    assert [row.newsletter for row in website.rows()] == [False, True]
    assert website.count("newsletter", "signup_claims") == 1
    assert website.count("newsletter", "subscriptions") == 0


def test_p2_a_form_stays_what_it_was_sent_for(website) -> None:
    """It makes no client, no subscription and no request; nobody's purpose changes by itself."""
    website.send()
    website.installation.settle()
    assert website.count("newsletter", "subscriptions") == 0
    assert website.count("dossier", "clients") == 0
    assert website.count("requests", "rights_requests") == 0


@pytest.mark.parametrize("extra", ["bsn", "birth_date", "tags", "kind"])
def test_p6_a_field_that_the_form_does_not_have_is_refused(website, extra) -> None:
    """And named; nothing is kept of the rest."""
    answer = website.send(**{extra: "123456782"})
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [extra]
    assert "123456782" not in answer.text
    assert website.rows() == []


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"email": "anna"}, "email"),
        ({"phone": "bel maar"}, "phone"),
        ({"name": ""}, "name"),
        ({"message": ""}, "message"),
        ({"message": "x" * 10_001}, "message"),
        ({"subject": "een\nBcc: twee@voorbeeld.example"}, "subject"),
        ({"privacy_version": "de laatste"}, "privacy_version"),
        ({"privacy_version": "anna.jansen"}, "privacy_version"),
        ({"privacy_version": "0612345678"}, "privacy_version"),
    ],
)
def test_what_is_filled_in_wrong_is_named(website, fields, wrong) -> None:
    """Field by field, and nothing is kept."""
    answer = website.send(**fields)
    assert (answer.status_code, list(answer.json["errors"])) == (422, [wrong])
    assert website.rows() == []


def test_all_that_is_wrong_is_said_at_once_and_in_the_visitor_s_language(website) -> None:
    """Somebody who mends one field does not hear of the next only then."""
    wrong = {"email": "anna@kliniek", "phone": "bel maar", "subject": "een\ntwee", "privacy_version": "de laatste"}
    told = website.send(**wrong).json["errors"]
    assert told == {
        "email": ["The part after the @ sign is not a full domain name."],
        "phone": ["This is not a telephone number."],
        "subject": ["Not text on one line."],
        "privacy_version": ["Not a version of the privacy statement."],
    }
    page = website.client.post(SUBMIT, data=FORM | wrong, headers=BROWSER).text
    assert "geen volledig domein" in page
    assert "geen telefoonnummer" in page
    assert "op één regel" in page
    assert "Dit is niet goed ingevuld." not in page


def test_p83_a_browser_needs_no_script_and_no_cookie(website) -> None:
    """The page posts by itself, ends at a page of thanks, and a mistake keeps what was typed."""
    wrong = website.client.post(SUBMIT, data=FORM | {"email": "anna"}, headers=BROWSER)
    assert wrong.status_code == 422
    assert FORM["message"] in wrong.text
    done = website.client.post(SUBMIT, data=FORM, headers=BROWSER)
    assert (done.status_code, done.headers["Location"]) == (303, "/intake/thanks?language=nl")
    thanks = website.client.get(done.headers["Location"], headers=BROWSER)
    assert thanks.status_code == 200
    assert not {"Set-Cookie"} & {*wrong.headers.keys(), *done.headers.keys(), *thanks.headers.keys()}


def test_p92_a_form_keeps_which_statement_was_beside_it(website) -> None:
    """The one it names, or the one that applies; and the page names that one and links to it."""
    unnamed, named = website.sent(), website.sent(privacy_version="2023-01-01")
    assert website.read(unnamed).json["privacy_version"] == "2024-07-01"
    assert website.read(named).json["privacy_version"] == "2023-01-01"
    page = website.client.get("/intake/contact", headers=BROWSER).text
    assert 'name="privacy_version" value="2024-07-01"' in page
    assert 'href="/privacy"' in page


def test_p21_what_stood_beside_the_tick_is_kept_with_it_and_goes_with_the_claim(website) -> None:
    """Word for word as the page showed it; without a tick there is nothing to prove."""
    page = website.client.get("/intake/contact?language=en", headers=BROWSER).text
    [text] = re.findall(r'name="newsletter_text" value="([^"]+)"', page)
    assert f"> {text}</label>" in page
    ticked, plain = website.sent(newsletter=True, newsletter_text=text), website.sent(newsletter_text=text)
    assert website.read(ticked).json["newsletter_text"] == text
    assert "newsletter_text" not in website.read(plain).json
    claim = website.client.get(f"/intake/v1/claims/{ticked}", headers=website.service_token("newsletter"))
    assert (claim.json["newsletter_text"], claim.json["privacy_version"]) == (text, "2024-07-01")


def test_p59_staff_read_what_was_sent_word_for_word(website) -> None:
    """Nothing is scored, shortened, cleaned or put in other words."""
    said = {
        "name": "Zoë d'Àrc-Jansen",
        "first_name": "Zoë",
        "phone": "06 - 12 34 56 78",
        "subject": "  Vraag <b>1</b>  ",
        "message": "Regel 1\n\n\tregel 2  \r\n<script>alert(1)</script> 😀 \u2028 GRATIS!!! https://x.example",
    }
    shown = website.read(website.sent(**said)).json
    assert {name: shown.get(name, said[name]) for name in said} == said


def test_p53_a_copy_is_read_only_in_the_roles_that_answer_forms(website) -> None:
    """And the list of forms tells nothing of what is in them."""
    form = website.sent()
    assert {role for role in READERS | OTHERS if website.read(form, role).status_code == 200} == READERS
    assert {website.read(form, role).status_code for role in OTHERS} == {403}
    listed = website.client.get(SUBMIT, headers=website.bearer("front-desk"))
    assert [each["id"] for each in listed.json["items"]] == [form]
    assert not any(value in listed.text for value in FORM.values())


def test_p53_every_reading_of_a_copy_is_noted_by_whom_and_of_which(website, caplog) -> None:
    """Never what was in it."""
    form = website.sent()
    with caplog.at_level(logging.INFO):
        website.read(form, "physician")
        website.read(form, "bookkeeper")
    noted = [record for record in caplog.records if record.getMessage() == "a contact form was read"]
    assert [record.fields for record in noted] == [{"by": "m.devries", "form": form}]


def test_p53_a_copy_lies_encrypted_on_the_disk(website) -> None:
    """Neither the database nor its log of writes shows who wrote or what."""
    website.send(message="Dit staat nergens leesbaar: zeldzaamwoord.", phone="0612345678")
    folder = website.tools.settings.home / "data"
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"contact_forms" in written
    for value in ("zeldzaamwoord", "Anna", "anna@voorbeeld.example", "0612345678", "612345678"):
        assert value.encode() not in written, value


def test_a_form_is_marked_as_dealt_with_once(website) -> None:
    """The first one who did stays noted."""
    form = website.sent()
    for role, minutes in (("assistant", 0), ("physician", 5)):
        website.clock.forward(minutes=minutes)
        done = website.client.post(f"{SUBMIT}/{form}/handled", headers=website.bearer(role))
        assert done.json["handled_at"] == "2026-11-02T09:00:00.000000Z"


def test_the_newsletter_gets_name_and_address_of_those_who_ticked_it_and_no_others(website) -> None:
    """The claim check gives first name and address, and to services only."""
    ticked = website.sent(newsletter=True, language="en")
    other = website.sent()
    path = "/intake/v1/claims/"
    given = website.client.get(path + ticked, headers=website.service_token("newsletter"))
    assert given.json == {
        "first_name": "Anna",
        "email": FORM["email"],
        "language": "en",
        "privacy_version": "2024-07-01",
        "newsletter_text": None,
    }
    assert website.client.get(path + other, headers=website.service_token("newsletter")).status_code == 404
    assert website.client.get(path + ticked, headers=website.bearer("front-desk")).status_code == 403
