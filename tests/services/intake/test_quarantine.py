"""Forms that may be unwanted: kept as they came, shown to people, and passed on when those say so (P16, P57, P59)."""

from __future__ import annotations

import pytest

from tests.services.intake.website import FORM, SUBMIT

LINKS = " ".join(f"https://aanbieding-{number}.example" for number in range(5))


def aside(website, **fields: str):
    """Send a form that fills in the trap; return how it is kept."""
    assert website.send(**{"website": "https://spam.example"} | fields).status_code == 202
    return website.rows()[-1]


def release(website, form: str, role: str = "front-desk"):
    """Let a form out of quarantine."""
    return website.client.post(f"{SUBMIT}/{form}/release", headers=website.bearer(role))


def listed(website, **query: str) -> list[str]:
    """Return the forms in one of the two lists."""
    answer = website.client.get(SUBMIT, query_string=query, headers=website.bearer("front-desk"))
    return [item["id"] for item in answer.json["items"]]


def token(website) -> str:
    """Return a token of a form that is shown now."""
    return website.client.get("/intake/v1/form-token").json["form_token"]


def test_p16_a_robot_that_fills_in_the_trap_learns_nothing_and_nobody_is_mailed(website) -> None:
    """It gets a reference like anybody; the form waits where staff find it."""
    form = aside(website)
    assert (form.suspected, form.released_at, website.mails()) == ("trap", None, [])
    website.installation.settle()
    assert website.count("newsletter", "signup_claims") == 0
    assert (listed(website), listed(website, quarantined="true")) == ([], [form.id])


@pytest.mark.parametrize(
    ("fields", "seconds", "suspected"),
    [
        ({}, 2.5, "too-fast"),
        ({}, 3.5, None),
        ({"message": f"Kijk eens: {LINKS}"}, 60, "links"),
        ({"message": "Ik zag https://a.example en https://b.example, GRATIS!!! Wat raden jullie aan?"}, 60, None),
        ({"message": LINKS, "website": "x"}, 1, "trap too-fast links"),
    ],
)
def test_p59_what_puts_a_form_aside_is_how_it_was_sent_and_its_links(website, fields, seconds, suspected) -> None:
    """A closed list that anybody can read, and nothing about who sent it."""
    shown = token(website)
    website.clock.forward(seconds=seconds)
    website.send(form_token=shown, **fields)
    assert website.rows()[0].suspected == suspected


def test_p59_released_it_goes_its_way_once_and_unchanged(website) -> None:
    """One mail, the tick for the newsletter heard, and who let it out is noted."""
    form = aside(website, newsletter="true", message="  Écht een vraag.\n")
    website.clock.forward(hours=5)
    for role in ("assistant", "physician"):
        done = release(website, form.id, role)
        assert (done.status_code, done.json["released_by"]) == (200, "m.devries")
    [mail] = website.mails()
    assert form.reference in mail.text
    website.installation.settle()
    assert website.count("newsletter", "signup_claims") == 1
    assert website.read(form.id).json["message"] == "  Écht een vraag.\n"
    assert (listed(website), listed(website, quarantined="true")) == ([form.id], [])


def test_only_who_answers_forms_lets_one_out(website) -> None:
    """And a form that is in no quarantine is not mailed again."""
    form = aside(website)
    assert {release(website, form.id, role).status_code for role in ("bookkeeper", "fg", "admin")} == {403}
    plain = website.sent()
    mails = len(website.mails())
    assert release(website, plain).status_code == 200
    assert len(website.mails()) == mails
    assert release(website, "no-such-form").status_code == 404


def test_p57_a_form_in_quarantine_is_found_and_erased_like_any_other(website) -> None:
    """It is of a person as well."""
    form = aside(website)
    holding = website.installation.services["intake"].holdings[0]
    with website.tools.database.reading() as session:
        assert list(holding.find(session, website.tools.refs.emails(FORM["email"]))) == [form.id]


def test_p99_a_form_that_nobody_releases_ends_after_the_term_of_the_quarantine(website) -> None:
    """Three months, where others have a year; and then it cannot be let out any more."""
    form, kept = aside(website), website.sent()
    website.clock.forward(days=93)
    website.run_jobs()
    assert [row.id for row in website.rows()] == [kept]
    assert release(website, form.id).status_code == 410
