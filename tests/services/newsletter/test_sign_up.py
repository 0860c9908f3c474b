"""Signing up: what is taken, what is answered, and what lands in the mailbox of the address."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import altcha
import pytest
import yaml

from services.web import service_mount
from shared.settings import CONFIG, ROOT
from shared.web.app import build_app
from tests.services.newsletter.desk import ANNA, desk

FORM = "/newsletter/v1/subscriptions"
BROWSER = {"Accept": "text/html"}


@pytest.mark.parametrize("how", ["json", "urlencoded", "multipart"])
def test_a_site_can_pass_the_form_on_in_any_of_three_ways(newsletter, how) -> None:
    """JSON, urlencoded and multipart are the same sign-up."""
    fields = {"first_name": "Anna", "email": ANNA}
    kinds = {"json": {"json": fields}, "urlencoded": {"data": fields}}
    sent = kinds.get(how, {"data": fields, "content_type": "multipart/form-data"})
    answer = newsletter.client.post(FORM, **sent)
    assert (answer.status_code, answer.json) == (202, {"status": "accepted"})
    assert [row.state for row in newsletter.rows()] == ["pending"]


@pytest.mark.parametrize("extra", ["surname", "name", "bsn", "phone", "tags"])
def test_p15_the_form_takes_a_first_name_and_an_address_and_nothing_more(newsletter, extra) -> None:
    """A field of anything else about a person is refused, and nothing is stored."""
    answer = newsletter.sign_up(**{extra: "iets"})
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [extra]
    assert newsletter.rows() == []


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"email": "anna"}, "email"),
        ({"email": "anna@voorbeeld"}, "email"),
        ({"first_name": "   "}, "first_name"),
        ({"first_name": "A" * 61}, "first_name"),
        ({"first_name": "Anna\nKoop nu"}, "first_name"),
        ({"first_name": "<a href='//x.example'>Koop nu</a>"}, "first_name"),
        ({"first_name": "Koop nu op HTTPS://x.example"}, "first_name"),
        ({"first_name": "Koop nu www.x.example"}, "first_name"),
        ({"language": "de"}, "language"),
        ({"privacy_version": "1 juli 2024"}, "privacy_version"),
        ({"privacy_version": "anna.jansen"}, "privacy_version"),
        ({"privacy_version": "0612345678"}, "privacy_version"),
    ],
)
def test_a_field_that_is_wrong_is_named_and_not_repeated(newsletter, fields, wrong) -> None:
    """The problem names the field; what was typed stays out of it."""
    answer = newsletter.client.post(FORM, json={"first_name": "Anna", "email": ANNA} | fields)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [wrong]
    assert "Koop nu" not in answer.text
    assert newsletter.mails() == []


def test_known_and_unknown_addresses_get_the_same_answer(newsletter) -> None:
    """Nobody learns from the form whether an address is unknown, waits, is subscribed, or has left."""
    answers = [newsletter.sign_up()]
    answers.append(newsletter.sign_up())
    newsletter.confirm()
    answers.append(newsletter.sign_up())
    newsletter.unsubscribe()
    answers.append(newsletter.sign_up())
    seen = [(answer.status_code, answer.data, sorted(answer.headers.keys())) for answer in answers]
    assert all(one == other for one, other in pairwise(seen))


@pytest.mark.parametrize(
    "email",
    [
        "\u0430nna@voorbeeld.example",  # a Cyrillic letter in the place of the first
        "anna@v\u043e\u043erbeeld.example",
        "anna@b\u00fccher.example",
        f"{'a' * 64}@{'.'.join(['b' * 45] * 4)}.nl",
    ],
)
def test_an_odd_address_gets_the_same_answer_known_or_not_and_is_nobody_else(newsletter, email) -> None:
    """Letters that look alike are other letters: whoever signs up with them is another person."""
    newsletter.insert_confirmed([ANNA])
    answers = [newsletter.sign_up(email)]
    newsletter.insert_confirmed([email])
    answers.append(newsletter.sign_up(email.upper()))
    assert [(each.status_code, each.json) for each in answers] == [(202, {"status": "accepted"})] * 2
    assert len(newsletter.rows()) == 2


def test_p21_a_sign_up_gives_nobody_anything_before_it_is_confirmed(newsletter) -> None:
    """Until the second yes the programme hears nothing, and the mail goes to the address only."""
    newsletter.sign_up()
    newsletter.settle()
    assert newsletter.calls() == []
    assert newsletter.members() == {}
    assert len(newsletter.mails()) == 1


def test_one_address_gets_one_mail_an_hour_and_three_before_the_link_expires(newsletter) -> None:
    """Whoever types in somebody else's address cannot fill their mailbox."""
    for _ in range(5):
        assert newsletter.sign_up().status_code == 202
    assert len(newsletter.mails()) == 1
    for _ in range(4):
        newsletter.clock.forward(minutes=61)
        newsletter.sign_up()
    assert len(newsletter.mails()) == 3
    newsletter.clock.forward(days=8)
    newsletter.sign_up()
    assert len(newsletter.mails()) == 4


def test_every_mail_of_one_sign_up_has_a_link_that_works(newsletter) -> None:
    """A second mail does not break the link in the first."""
    newsletter.sign_up()
    first = newsletter.link("confirm")
    newsletter.clock.forward(minutes=61)
    newsletter.sign_up()
    assert len(newsletter.mails()) == 2
    assert newsletter.client.post(first).status_code == 200
    assert newsletter.rows()[0].state == "confirmed"


def test_the_mail_repeats_nothing_that_was_typed(newsletter) -> None:
    """Otherwise anybody could have the clinic mail their words to others."""
    newsletter.sign_up(first_name="Koop nu op spam.example")
    mail = newsletter.mails()[0]
    assert "spam.example" not in mail.text + mail.subject
    assert newsletter.tools.policy.clinic.name in mail.subject


def test_p24_the_mail_lets_mail_programmes_unsubscribe(newsletter) -> None:
    """RFC 8058: one HTTPS address in angle brackets, and the word that allows one click."""
    newsletter.sign_up()
    headers = dict(newsletter.mails()[0].headers)
    url = f"{newsletter.tools.settings.public_url}{newsletter.link('unsubscribe')}"
    assert headers["List-Unsubscribe"] == f"<{url}>"
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_p58_people_read_the_answers_to_the_mail(newsletter) -> None:
    """Reply-To is the clinic's own address, not the machine's."""
    newsletter.sign_up()
    assert dict(newsletter.mails()[0].headers)["Reply-To"] == newsletter.tools.policy.clinic.contact


@pytest.mark.parametrize(("language", "word"), [("nl", "Bevestig"), ("en", "Confirm")])
def test_the_mail_is_in_the_language_of_the_form(newsletter, language, word) -> None:
    """Dutch unless English was chosen."""
    newsletter.sign_up(language=language)
    assert word in newsletter.mails()[0].subject


def test_a_filled_trap_is_answered_alike_and_keeps_nothing(newsletter) -> None:
    """A form robot sees the same 202; of what it sent only a count remains."""
    honest = newsletter.sign_up("ander@voorbeeld.example")
    caught = newsletter.sign_up(website="https://spam.example")
    assert (caught.status_code, caught.data) == (honest.status_code, honest.data)
    assert len(newsletter.rows()) == 1
    assert newsletter.mails() == []
    assert newsletter.tally("trap") == 1


def test_a_browser_is_sent_to_a_page_and_keeps_its_language(newsletter) -> None:
    """303 after the form, so that a reload does not post again."""
    fields = {"first_name": "Anna", "email": ANNA, "language": "en", "website": ""}
    answer = newsletter.client.post(FORM, data=fields, headers=BROWSER)
    assert answer.status_code == 303
    page = newsletter.client.get(answer.headers["Location"], headers=BROWSER)
    assert (page.status_code, "Check your mail" in page.text) == (200, True)
    assert newsletter.rows()[0].language == "en"


def test_a_browser_s_mistake_gets_the_form_back_with_what_was_typed(newsletter) -> None:
    """422 with the page: the name is still there, the wrong field is marked, in Dutch."""
    fields = {"first_name": "Anna", "email": "anna@", "language": "nl"}
    answer = newsletter.client.post(FORM, data=fields, headers=BROWSER)
    assert answer.status_code == 422
    assert 'value="Anna"' in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert "Aanmelden" in answer.text


def test_p83_the_form_works_without_any_cookie(newsletter) -> None:
    """Nothing sets one, on the way to a subscription and out of it."""
    answers = [
        newsletter.client.get("/newsletter/sign-up", headers=BROWSER),
        newsletter.client.post(FORM, data={"first_name": "Anna", "email": ANNA}, headers=BROWSER),
        newsletter.client.get(newsletter.link("confirm"), headers=BROWSER),
        newsletter.confirm(),
        newsletter.client.get(newsletter.link("unsubscribe"), headers=BROWSER),
        newsletter.unsubscribe(),
    ]
    assert [answer.status_code for answer in answers] == [200, 303, 200, 200, 200, 200]
    assert not any("Set-Cookie" in answer.headers for answer in answers)


def test_no_name_or_address_stands_readable_on_disk(newsletter) -> None:
    """What is stored of a person is sealed; in the clear stand references and times."""
    newsletter.sign_up("marker-anna@voorbeeld.example", "Markernaam")
    newsletter.tools.database.close()
    for file in Path(newsletter.installation.home, "data").glob("newsletter*"):
        content = file.read_bytes().lower()
        assert b"marker-anna" not in content
        assert b"markernaam" not in content


def test_tokens_are_kept_as_digests_only(newsletter) -> None:
    """Who can read the database cannot confirm or unsubscribe for anybody."""
    newsletter.sign_up()
    tokens = {newsletter.link(kind).rpartition("/")[2] for kind in ("confirm", "unsubscribe")}
    newsletter.tools.database.close()
    for file in Path(newsletter.installation.home, "data").glob("newsletter*"):
        assert not any(token.encode() in file.read_bytes() for token in tokens)


def test_the_last_first_name_counts_until_it_is_confirmed(newsletter) -> None:
    """A mistyped name is put right by signing up again; the old version's key is destroyed."""
    newsletter.sign_up(first_name="Ana")
    old = newsletter.rows()[0].key_id
    newsletter.sign_up(first_name="Anna")
    assert newsletter.tools.vault.surviving([old]) == set()
    newsletter.confirm()
    newsletter.sign_up(first_name="Vreemde")
    found = newsletter.client.post(f"{FORM}/search", json={"email": ANNA}, headers=newsletter.bearer("front-desk"))
    assert [item["first_name"] for item in found.json["items"]] == ["Anna"]


def test_a_sign_up_from_the_clinic_s_website_ends_on_its_page_of_thanks(tmp_path: Path) -> None:
    """Named by the origin of the page; another origin is refused, and a script of the site may read the answer."""
    site = "https://www.clinic.example"
    policy = yaml.safe_load((ROOT / CONFIG / "policy.yaml").read_text(encoding="utf-8"))
    policy["sites"] = {"www": {"origins": [site], "thanks": {"newsletter": f"{site}/aangemeld"}}}
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(policy), encoding="utf-8")
    fields = {"first_name": "Anna", "email": ANNA}
    with desk(tmp_path, DISCREET_POLICY=str(tmp_path / "policy.yaml")) as newsletter:
        done = newsletter.client.post(FORM, data=fields, headers=BROWSER | {"Origin": site})
        assert (done.status_code, done.headers["Location"]) == (303, f"{site}/aangemeld")
        read = newsletter.client.post(FORM, json=fields, headers={"Origin": site})
        assert (read.status_code, read.headers["Access-Control-Allow-Origin"]) == (202, site)
        newsletter.client.post(FORM, json=fields | {"website": "x"}, headers={"Origin": site})
        assert (
            newsletter.client.post(FORM, json=fields, headers={"Origin": "https://elders.example"}).status_code == 403
        )
        listed = newsletter.client.get("/newsletter/v1/form-attempts", headers=newsletter.bearer("admin")).json
        noted = [(each["site"], each["problem"]) for each in listed["items"]]
        assert noted == [(None, "forbidden"), ("www", "dropped")]


def test_p83_where_work_is_asked_a_few_may_sign_up_without_script_and_a_robot_no_more(tmp_path: Path) -> None:
    """Three an hour from one address on the internet; with the work done there is no such limit."""
    policy = yaml.safe_load((ROOT / CONFIG / "policy.yaml").read_text(encoding="utf-8"))
    policy["sites"] = {"www": {"origins": ["https://www.clinic.example"], "proof_of_work": True}}
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(policy), encoding="utf-8")
    with desk(tmp_path, DISCREET_POLICY=str(tmp_path / "policy.yaml")) as newsletter:
        client = build_app([service_mount("newsletter", newsletter.tools)], limits=newsletter.clock).test_client()
        fields = {"first_name": "Anna", "email": ANNA}
        plain = [client.post(f"{FORM}?site=www", data=fields, headers=BROWSER) for _ in range(4)]
        assert [answer.status_code for answer in plain] == [303, 303, 303, 429]
        assert int(plain[3].headers["Retry-After"]) > 60
        work = altcha.Challenge.from_dict(client.get("/newsletter/v1/form-token?site=www").json["proof_of_work"])
        solved = altcha.Payload(work, altcha.solve_challenge(work)).to_base64()
        assert client.post(FORM, json=fields | {"altcha": solved}).status_code == 202
        assert client.post(FORM, json=fields | {"altcha": solved, "language": "en"}).status_code == 422
