"""Work that a site asks of a browser before it sends a form: no visitor lost, no robot for nothing (P16, P83)."""

from __future__ import annotations

from functools import partial

import altcha
import pytest

from services.doctor import websites
from tests.services.intake.test_sites import CLINIC, KEY, SHOP, signed, sites_of
from tests.services.intake.website import BROWSER, FORM, SUBMIT, open_website

SITES = {
    "www": {"origins": [CLINIC], "proof_of_work": True, "server_key_file": "site.key"},
    "shop": {"origins": [SHOP]},
}


@pytest.fixture
def clinic(tmp_path):
    """Give an intake with a site that asks for work, and one that does not."""
    with open_website(tmp_path, sites_of(tmp_path, SITES)) as found:
        yield found


def solved(clinic, origin: str = CLINIC) -> str:
    """Fetch the work of a form that is shown on the site, and do it."""
    work = clinic.client.get("/intake/v1/form-token", headers={"Origin": origin}).json["proof_of_work"]
    challenge = altcha.Challenge.from_dict(work)
    return altcha.Payload(challenge, altcha.solve_challenge(challenge)).to_base64()


def test_p16_work_that_was_done_counts_once_and_a_second_click_is_no_second_form(clinic) -> None:
    """Sent again it is the same form; with another message it is refused, whatever Idempotency-Key comes with it."""
    send = partial(clinic.client.post, SUBMIT, headers={"Origin": CLINIC})
    form = FORM | {"altcha": solved(clinic)}
    first, again = send(json=form), send(json=form)
    assert (first.status_code, first.json) == (again.status_code, again.json)
    assert [row.suspected for row in clinic.rows()] == [None]
    other = form | {"message": "Iets anders."}
    for key in ({}, {"Idempotency-Key": "robot-1"}, {"Idempotency-Key": "robot-2"}):
        refused = clinic.client.post(SUBMIT, json=other, headers={"Origin": CLINIC, **key})
        assert (refused.status_code, list(refused.json["errors"])) == (422, ["altcha"])
    assert len(clinic.rows()) == 1


def test_p83_without_script_nobody_is_refused_and_the_form_waits_for_a_person(clinic) -> None:
    """Naming no site, or one that asks nothing, helps no robot; that site's visitors and a server's form need none."""
    hidden, ours = {"Origin": "null"}, {"Origin": "http://localhost"}
    named = f"{SUBMIT}?site=shop"
    for path, headers in ((SUBMIT, {"Origin": CLINIC}), (SUBMIT, {}), (named, {}), (named, hidden), (named, ours)):
        assert clinic.client.post(path, data=FORM, headers=BROWSER | headers).status_code == 303
    clinic.client.post(SUBMIT, json=FORM, headers={"Origin": SHOP})
    body = b'{"name": "Anna", "email": "anna@voorbeeld.example", "message": "Hallo"}'
    clinic.client.post(SUBMIT, data=body, headers=signed(body, key=KEY))
    assert [row.suspected for row in clinic.rows()] == ["no-proof"] * 5 + [None, None]
    assert "proof_of_work" not in clinic.client.get("/intake/v1/form-token", headers={"Origin": SHOP}).json


def test_work_that_is_wrong_or_forged_is_refused_and_what_was_typed_comes_back(clinic) -> None:
    """The page has new work to do; nothing is kept."""
    solution = altcha.Payload.from_base64(solved(clinic))
    light = altcha.ChallengeParameters("SHA-256", "00", "00", 1, key_prefix="")
    forged = altcha.Challenge(light, solution.challenge.signature)
    for spoiled in (
        "geen base64",
        altcha.Payload(solution.challenge, altcha.Solution(1, "00" * 32)).to_base64(),
        altcha.Payload(forged, altcha.solve_challenge(forged)).to_base64(),
    ):
        page = clinic.client.post(f"{SUBMIT}?site=www", data=FORM | {"altcha": spoiled}, headers=BROWSER)
        assert (page.status_code, clinic.rows()) == (422, [])
        assert FORM["message"] in page.text
        assert 'data-proof-of-work="/intake/v1/form-token?site=www"' in page.text
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]


def test_our_page_has_the_work_done_that_any_site_asks_and_else_may_run_no_script(clinic, website) -> None:
    """Whichever site it names, also where a form of that site comes back; the permission comes with the work."""
    of_shop = BROWSER | {"Origin": SHOP}
    shown = clinic.client.get("/intake/contact?site=shop")
    for page in (shown, clinic.client.post(SUBMIT, data=FORM | {"email": "anna"}, headers=of_shop)):
        assert 'data-proof-of-work="/intake/v1/form-token?site=shop"' in page.text
    assert "proof_of_work" in clinic.client.get("/intake/v1/form-token?site=shop").json
    [finding] = websites(clinic.tools.settings)
    assert (finding.well, "it is on shop does without" in finding.text) == (False, True)
    page = website.client.get("/intake/contact")
    assert "script" not in page.headers["Content-Security-Policy"]
    assert "<script" not in page.text
