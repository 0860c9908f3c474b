"""Forms that stand on the clinic's own websites: from a browser there, or passed on by the site's server."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import yaml
from jsonschema import Draft202012Validator

from shared.clock import system_clock
from shared.settings import CONFIG, ROOT
from shared.web.sites import sign
from tests.services.intake.website import BROWSER, FORM, SUBMIT, open_website

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services.intake.website import Website

CLINIC, SHOP, STRANGER = "https://www.clinic.example", "https://shop.clinic.example", "https://elders.example"
KEY = b"a key of at least thirty-two characters"
SITES = {
    "www": {
        "origins": [CLINIC],
        "thanks": {"contact": f"{CLINIC}/bedankt"},
        "ignores": ["_wpcf7", "utm_"],
        "frames": True,
        "server_key_file": "site.key",
    },
    "shop": {"origins": [SHOP]},
}
GUARDED = SITES | {"shop": {"origins": [SHOP], "form_token_required": True}}


@pytest.fixture
def clinic(tmp_path: Path) -> Iterator[Website]:
    """Give an intake with two websites of the clinic."""
    with open_website(tmp_path, sites_of(tmp_path)) as found:
        yield found


def sites_of(folder: Path, sites: object = SITES) -> dict[str, str]:
    """Return the environment of an installation with these sites."""
    policy = yaml.safe_load((ROOT / CONFIG / "policy.yaml").read_text(encoding="utf-8"))
    (folder / "policy.yaml").write_text(yaml.safe_dump(policy | {"sites": sites}), encoding="utf-8")
    (folder / "site.key").write_bytes(KEY + b"\n")
    return {"DISCREET_POLICY": str(folder / "policy.yaml")}


def signed(body: bytes, *, key: bytes = KEY, site: str = "www", aside: timedelta = timedelta()) -> dict[str, str]:
    """Return the headers of a site's server that passes a form on."""
    signature = sign(key, body, system_clock() + aside)
    return {"Content-Type": "application/json", "Discreet-Site": site, "Discreet-Signature": signature}


def test_a_script_on_the_clinic_s_page_may_send_the_form_and_read_the_answer(clinic) -> None:
    """The browser asks first, and shows the script its reference."""
    asked = {
        "Origin": CLINIC,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    allowed = clinic.client.options(SUBMIT, headers=asked)
    assert (allowed.status_code, allowed.headers["Access-Control-Allow-Origin"]) == (204, CLINIC)
    assert "POST" in allowed.headers["Access-Control-Allow-Methods"]
    assert "Content-Type" in allowed.headers["Access-Control-Allow-Headers"]
    sent = clinic.client.post(SUBMIT, json=FORM, headers={"Origin": CLINIC})
    assert (sent.status_code, sent.headers["Access-Control-Allow-Origin"]) == (202, CLINIC)
    wrong = clinic.client.post(SUBMIT, json=FORM | {"email": "anna"}, headers={"Origin": CLINIC})
    assert (wrong.status_code, wrong.headers["Access-Control-Allow-Origin"]) == (422, CLINIC)
    assert "Access-Control-Allow-Credentials" not in sent.headers
    assert clinic.rows()[0].site == "www"


def test_p6_a_builder_reads_which_fields_the_form_has_and_the_form_is_held_to_the_same(clinic) -> None:
    """JSON Schema: what it passes is taken, and what it refuses is refused; it can be read from the site's page."""
    found = clinic.client.get(f"{SUBMIT}.schema.json", headers={"Origin": CLINIC})
    assert (found.mimetype, found.headers["Access-Control-Allow-Origin"]) == ("application/schema+json", CLINIC)
    Draft202012Validator.check_schema(found.json)
    form = Draft202012Validator(found.json)
    for fields, fits in (
        ({"privacy_version": "2024-07-01", "newsletter": True}, True),
        ({"privacy_version": "anna 2024-07-01"}, False),
        ({"language": "de"}, False),
        ({"bsn": "1"}, False),
        ({"message": ""}, False),
    ):
        assert (form.is_valid(FORM | fields), clinic.send(**fields).status_code) == (fits, 202 if fits else 422)


def test_a_page_that_is_not_the_clinic_s_may_do_neither(clinic) -> None:
    """Nothing is kept, and its script sees no answer."""
    refused = clinic.client.post(SUBMIT, json=FORM, headers={"Origin": STRANGER})
    assert refused.status_code == 403
    assert clinic.rows() == []
    for answer in (refused, clinic.client.options(SUBMIT, headers={"Origin": STRANGER})):
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Origin" in answer.headers["Vary"]


def test_the_own_page_and_a_browser_that_hides_where_it_was_are_taken(clinic) -> None:
    """Our pages send no referrer, so that a browser names no origin either."""
    for origin in ("http://localhost", "null"):
        assert clinic.client.post(SUBMIT, data=FORM, headers=BROWSER | {"Origin": origin}).status_code == 303
    hidden = clinic.client.post(f"{SUBMIT}?site=www", data=FORM, headers=BROWSER | {"Origin": "null"})
    assert hidden.headers["Location"] == f"{CLINIC}/bedankt"


def test_nobody_sends_a_visitor_anywhere_but_where_the_policy_says(clinic) -> None:
    """A browser goes on to its own site's page of thanks or to ours, whatever else the form asks for."""
    own = clinic.client.post(SUBMIT, data=FORM, headers=BROWSER | {"Origin": CLINIC})
    assert (own.status_code, own.headers["Location"]) == (303, f"{CLINIC}/bedankt")
    for more in ({"next": STRANGER}, {"redirect": STRANGER}):
        assert clinic.client.post(SUBMIT, data=FORM | more, headers=BROWSER | {"Origin": CLINIC}).status_code == 422
    assert clinic.client.post(f"{SUBMIT}?site=elders", data=FORM, headers=BROWSER).status_code == 403
    other = clinic.client.post(f"{SUBMIT}?site=shop", data=FORM, headers=BROWSER | {"Origin": CLINIC})
    assert other.status_code == 403


def test_fields_of_the_site_s_own_are_dropped_and_how_many_is_logged(clinic, caplog) -> None:
    """Its form machinery adds some, more than once; on another site they are unknown fields."""
    more = {"_wpcf7": ["1", "2"], "utm_source": "brief-aan-anna"}
    with caplog.at_level("INFO"):
        sent = clinic.client.post(SUBMIT, data=FORM | more, headers={"Origin": CLINIC})
    assert sent.status_code == 202
    noted = [record.fields for record in caplog.records if record.getMessage() == "fields of a site's own were dropped"]
    assert noted == [{"prefixes": {"_wpcf7": 2, "utm_": 1}}]
    assert clinic.client.post(SUBMIT, data=FORM | more).status_code == 422


def test_a_site_s_server_passes_forms_on_under_its_own_name(clinic) -> None:
    """Signed over the body; its own visitors are not counted as one."""
    body = json.dumps(FORM).encode()
    assert clinic.client.post(SUBMIT, data=body, headers=signed(body)).status_code == 202
    assert clinic.rows()[0].site == "www"


@pytest.mark.parametrize(
    "forged",
    [
        {"key": b"another key of thirty-two characters"},
        {"site": "shop"},
        {"site": "elders"},
        {"aside": timedelta(minutes=6)},
        {"aside": timedelta(minutes=-6)},
    ],
)
def test_a_signature_that_does_not_hold_is_refused(clinic, forged) -> None:
    """Another key, a site without one, no site of ours, or a call recorded earlier."""
    body = json.dumps(FORM).encode()
    assert clinic.client.post(SUBMIT, data=body, headers=signed(body, **forged)).status_code == 401
    assert clinic.client.post(SUBMIT, data=body + b" ", headers=signed(body)).status_code == 401
    assert clinic.rows() == []


def test_a_signed_form_that_is_sent_again_as_it_was_is_one_form(clinic) -> None:
    """Recorded on its way and repeated: the answer is the first one, and the clinic gets one mail."""
    body = json.dumps(FORM).encode()
    headers = signed(body)
    answers = [clinic.client.post(SUBMIT, data=body, headers=headers) for _ in range(3)]
    assert {(answer.status_code, answer.text) for answer in answers} == {(202, answers[0].text)}
    assert len(clinic.rows()) == len(clinic.mails()) == 1


def test_p16_a_site_s_server_is_not_limited_like_one_visitor(tmp_path) -> None:
    """All its visitors come from one address."""
    bodies = [json.dumps(FORM | {"subject": str(number)}).encode() for number in range(20)]
    with open_website(tmp_path, sites_of(tmp_path), limited=True) as website:
        statuses = [website.client.post(SUBMIT, data=body, headers=signed(body)).status_code for body in bodies]
        assert set(statuses) == {202}
        assert [website.send().status_code for _ in range(11)].count(429) == 1


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Website]:
    """Give an intake of which one website takes no form without a token."""
    with open_website(tmp_path, sites_of(tmp_path, GUARDED)) as found:
        yield found


def test_a_token_that_a_site_wants_cannot_be_got_round_by_naming_no_site_or_another(guarded) -> None:
    """Who shows no site needs one too; not another site's visitors, a site's server, or who reports a leak."""
    token = {"form_token": guarded.client.get("/intake/v1/form-token").json["form_token"]}
    body = json.dumps(FORM).encode()

    def status(path: str = SUBMIT, *, headers: dict[str, str] | None = None, **fields: str) -> int:
        return guarded.client.post(path, json=FORM | fields, headers=headers).status_code

    refused = guarded.client.post(SUBMIT, json=FORM)
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["form_token"])
    assert {status(headers={"Origin": "null"}), *(status(f"{SUBMIT}?site={site}") for site in ("shop", "www"))} == {422}
    page = guarded.client.post(SUBMIT, data=FORM, headers=BROWSER)
    assert (page.status_code, 'name="form_token" value="' in page.text, FORM["message"] in page.text) == (
        422,
        True,
        True,
    )
    assert guarded.rows() == []
    assert [status(f"{SUBMIT}?site=www", **token), status(headers={"Origin": CLINIC})] == [202, 202]
    assert guarded.client.post(SUBMIT, data=body, headers=signed(body)).status_code == 202
    assert guarded.client.post("/intake/v1/security-reports", json={"message": "Lek"}).status_code == 202


def test_p83_a_token_stands_in_for_a_cookie(guarded) -> None:
    """A site that wants one refuses a form without it, with a forged or an old one; any page of it can get one."""
    got = guarded.client.get("/intake/v1/form-token", headers={"Origin": SHOP})
    assert got.headers["Access-Control-Allow-Origin"] == SHOP
    assert got.json["privacy_version"] == "2024-07-01"
    token = got.json["form_token"]

    def status(**fields: str) -> int:
        return guarded.client.post(SUBMIT, json=FORM | fields, headers={"Origin": SHOP}).status_code

    guarded.clock.forward(minutes=1)
    forged = ("B" if token[0] == "A" else "A") + token[1:]
    assert [status(), status(form_token=forged), status(form_token="x"), status(form_token=token)] == [
        422,
        422,
        422,
        202,
    ]
    guarded.clock.forward(hours=24)
    assert status(form_token=token) == 422


def test_a_form_that_stood_open_too_long_comes_back_with_everything_in_it(clinic) -> None:
    """With a new token, so that sending it once more is enough, and whoever does so at once is no robot."""
    token = clinic.client.get("/intake/v1/form-token").json["form_token"]
    clinic.clock.forward(days=2)
    again = clinic.client.post(SUBMIT, data=FORM | {"form_token": token}, headers=BROWSER | {"Origin": CLINIC})
    assert again.status_code == 422
    assert FORM["message"] in again.text
    assert 'action="/intake/v1/contact-forms?site=www"' in again.text
    assert token not in again.text
    for wrong, status in (({"email": "anna"}, 422), ({}, 303)):  # and so after a mistake
        [token] = re.findall(r'name="form_token" value="([^"]+)"', again.text)
        again = clinic.client.post(
            SUBMIT, data=FORM | wrong | {"form_token": token}, headers=BROWSER | {"Origin": CLINIC}
        )
        assert again.status_code == status
    assert [form.suspected for form in clinic.rows()] == [None]


def test_our_page_stands_in_a_frame_only_where_that_is_allowed(clinic) -> None:
    """Of the site that says so; and after it a browser may go on to that site."""
    policy = clinic.client.get("/intake/contact?site=www", headers=BROWSER).headers["Content-Security-Policy"]
    assert f"frame-ancestors {CLINIC};" in policy
    assert policy.endswith(f"form-action 'self' {CLINIC}")
    assert (
        "frame-ancestors 'none'"
        in clinic.client.get("/intake/thanks", headers=BROWSER).headers["Content-Security-Policy"]
    )


@pytest.mark.parametrize(
    ("sites", "said"),
    [
        ({"www": {"origins": ["https://www.clinic.example/"]}}, "Not an origin"),
        ({"www": {"origins": ["http://www.clinic.example"]}}, "Not an origin"),
        ({"www": {"origins": ["*"]}}, "Not an origin"),
        ({"www": {"origins": [CLINIC], "thanks": {"contact": STRANGER}}}, "not on one of the site's origins"),
        ({"www": {"origins": [CLINIC], "thanks": {"elsewhere": CLINIC}}}, "thanks"),
        ({"www": {"origins": [CLINIC], "ignores": ["n"]}}, "A prefix has 2 to 40 characters"),
        ({"www": {"origins": [CLINIC]}, "shop": {"origins": [CLINIC]}}, "is an origin of .* already"),
        ({"www": {"origins": [CLINIC], "colour": "red"}}, "colour"),
    ],
)
def test_a_site_that_cannot_be_is_named_at_the_start(tmp_path, sites, said) -> None:
    """Nothing starts on a policy with a mistake in it."""
    with pytest.raises(Exception, match=said), open_website(tmp_path, sites_of(tmp_path, sites)):
        pass
