"""What people do about a rights request: establish who asks, judge what was found, decide, deliver."""

from __future__ import annotations

import re

import pytest

from tests.services.console.fake_requests import CASE, DECISION, FORM, INVOICE, LETTER, RefusalError, assessed, case

PAGE = f"/console/requests/{CASE}"
FOUND_FORM = f"intake:contact-forms:{FORM}"
FOUND_INVOICE = f"dossier:invoices:{INVOICE}"


def forms(page: str) -> set[str]:
    """Return which forms about the request a page offers."""
    return set(re.findall(rf'action="{PAGE}/(\w+)"', page))


@pytest.mark.parametrize(
    ("role", "state", "offered"),
    [
        ("privacy-coordinator", "received", {"identity", "refusal", "extension", "withdrawal"}),
        ("privacy-coordinator", "identity_pending", {"identity", "refusal", "extension", "withdrawal"}),
        ("privacy-coordinator", "verified", {"extension", "withdrawal"}),
        ("privacy-coordinator", "assessed", {"grant", "refusal", "extension", "withdrawal"}),
        ("privacy-coordinator", "executing", {"extension"}),
        ("privacy-coordinator", "decided", {"delivery"}),
        ("privacy-coordinator", "executed", {"delivery"}),
        ("privacy-coordinator", "closed", set()),
        ("front-desk", "received", {"identity"}),
        ("front-desk", "assessed", set()),
        ("front-desk", "executed", {"delivery"}),
        ("fg", "received", set()),
        ("fg", "assessed", set()),
        ("fg", "executed", set()),
    ],
)
def test_a_page_offers_what_the_role_can_do_in_the_state(fake, signed_in, role, state, offered):
    """The fg reads and is never shown a button; the front desk establishes identity and hands letters over."""
    fake.cases = [assessed(state=state)]
    page = signed_in(role).get(PAGE).text
    assert forms(page) == offered


def test_the_service_decides_what_the_page_only_hides(fake, signed_in):
    """A form that was not offered and is sent all the same comes back refused."""
    fake.cases = [assessed()]
    got = signed_in("fg").post(f"{PAGE}/grant", seen_on=PAGE, version='"3"')
    assert got.status_code == 422  # nothing was chosen; and when it is:
    chosen = {f"grant-what:{name}": "erase" for name in (FOUND_FORM, FOUND_INVOICE)}
    got = signed_in("fg").post(f"{PAGE}/grant", seen_on=PAGE, version='"3"', **chosen)
    assert got.status_code == 403


def test_what_people_typed_is_text_and_nothing_else(signed_in):
    """A name or a message is shown as it was written, and runs nothing."""
    page = signed_in("privacy-coordinator").get(PAGE).text
    assert "Jo &lt;b&gt;Test&lt;/b&gt;" in page
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_an_identity_check_says_how_and_what_it_proved(fake, signed_in):
    """It goes to the service with the version that was seen; then the page is shown anew."""
    got = signed_in("front-desk").post(
        f"{PAGE}/identity",
        seen_on=PAGE,
        version='"3"',
        **{
            "identity-method": "counter",
            "identity-document_type": "passport",
            "identity-outcome": "verified",
            "identity-email": "yes",
        },
    )
    assert (got.status_code, got.location) == (303, PAGE)
    assert fake.asked[-1] == (
        "POST",
        f"requests/{CASE}/identity",
        {
            "method": "counter",
            "document_type": "passport",
            "outcome": "verified",
            "reason": None,
            "email": True,
            "phone": False,
        },
    )
    assert fake.versions == ['"3"']
    assert fake.callers[-1].subject == "front-desk"


def test_what_the_service_finds_wrong_stands_at_its_field(fake, signed_in):
    """With everything that was typed still there."""
    fake.refusal = RefusalError(422, "Kijk dit na.", {"document_type": ["Noem het document dat is gezien."]})
    got = signed_in("front-desk").post(
        f"{PAGE}/identity",
        seen_on=PAGE,
        version='"3"',
        **{"identity-method": "counter", "identity-outcome": "verified", "identity-email": "yes"},
    )
    assert got.status_code == 422
    assert 'aria-describedby="identity-document_type-wrong-1"' in got.text
    assert 'id="identity-document_type-wrong-1">Noem het document dat is gezien.' in got.text
    assert re.search(r'value="counter" checked', got.text)
    assert re.search(r'name="identity-email" value="yes" checked', got.text)


def test_each_record_that_was_found_is_somebodys_choice(fake, signed_in):
    """References find, people confirm: nothing is chosen beforehand, and nothing is sent until all is chosen."""
    fake.cases = [assessed()]
    visitor = signed_in("privacy-coordinator")
    page = visitor.get(PAGE).text
    assert " checked" not in page
    got = visitor.post(f"{PAGE}/grant", seen_on=PAGE, version='"3"', **{f"grant-what:{FOUND_FORM}": "erase"})
    assert got.status_code == 422
    assert "Kies wat hiermee moet gebeuren." in got.text
    assert fake.versions == []


def test_what_stays_has_a_ground_of_the_policy(fake, signed_in):
    """And makes it a decision in part, in which what is somebody else's is not named at all."""
    fake.cases = [assessed()]
    visitor = signed_in("privacy-coordinator")
    chosen = {f"grant-what:{FOUND_FORM}": "not-theirs", f"grant-what:{FOUND_INVOICE}": "keep"}
    got = visitor.post(f"{PAGE}/grant", seen_on=PAGE, version='"3"', **chosen)
    assert got.status_code == 422
    assert "Kies de grond waarop dit blijft." in got.text
    assert "Fiscale bewaarplicht (art. 52(4) AWR)" in got.text
    chosen |= {f"grant-ground:{FOUND_INVOICE}": "fiscal-retention", f"grant-until:{FOUND_INVOICE}": "2034-01-01"}
    assert visitor.post(f"{PAGE}/grant", seen_on=PAGE, version='"3"', **chosen).status_code == 303
    method, path, body = fake.asked[-1]
    assert (method, path) == ("POST", f"requests/{CASE}/decision")
    kept = {"service": "dossier", "category": "invoices", "id": INVOICE}
    assert body == {
        "outcome": "partly",
        "records": [],
        "retained": [kept | {"ground": "fiscal-retention", "until": "2034-01-01"}],
        "consequences_acknowledged": False,
    }


def test_p74_the_consequences_and_the_physician_are_asked_for_with_the_dossier(fake, signed_in):
    """Both go with the decision when they were filled in."""
    fake.cases = [assessed()]
    visitor = signed_in("privacy-coordinator")
    chosen = {f"grant-what:{name}": "erase" for name in (FOUND_FORM, FOUND_INVOICE)}
    chosen |= {
        "grant-consequences_acknowledged": "yes",
        "grant-physician_agreed_by": " dr. Vos ",
        "grant-explanation": "",
    }
    visitor.post(f"{PAGE}/grant", seen_on=PAGE, version='"3"', **chosen)
    body = fake.asked[-1][2]
    assert body["outcome"] == "grant"
    assert [record["id"] for record in body["records"]] == [FORM, INVOICE]
    assert body["consequences_acknowledged"] is True
    assert body["physician_agreed_by"] == "dr. Vos"
    assert "explanation" not in body


def test_p75_a_refusal_has_its_ground(fake, signed_in):
    """And the two forms of the page do not fill in each other."""
    visitor = signed_in("privacy-coordinator")
    fields = {"refusal-ground": "not-authorised", "refusal-explanation": "Zonder machtiging.", "grant-explanation": "x"}
    visitor.post(f"{PAGE}/refusal", seen_on=PAGE, version='"3"', **fields)
    assert fake.asked[-1][1:] == (
        f"requests/{CASE}/decision",
        {"outcome": "refuse", "ground": "not-authorised", "explanation": "Zonder machtiging."},
    )


@pytest.mark.parametrize(
    ("form", "fields", "body"),
    [
        ("extension", {"extension-reason": "number"}, {"reason": "number"}),
        ("withdrawal", {}, {}),
        (
            "delivery",
            {"delivery-via": "registered-post", "delivery-track_code": "3SABC1", "delivery-sent_on": "2026-11-20"},
            {"via": "registered-post", "track_code": "3SABC1", "sent_on": "2026-11-20"},
        ),
    ],
)
def test_the_other_acts_reach_the_service_too(fake, signed_in, form, fields, body):
    """Each under its own name."""
    got = signed_in("privacy-coordinator").post(f"{PAGE}/{form}", seen_on=PAGE, version='"3"', **fields)
    assert got.status_code == 303
    assert fake.asked[-1] == ("POST", f"requests/{CASE}/{form}", body)


def test_an_act_that_does_not_exist_is_not_found(signed_in):
    """Only the forms of the page are taken."""
    assert signed_in("privacy-coordinator").post(f"{PAGE}/claims", seen_on=PAGE).status_code == 404


@pytest.mark.parametrize("status", [409, 412])
def test_somebody_elses_change_is_shown_and_not_undone(fake, signed_in, status):
    """The page comes back as it is now, and says so."""
    fake.refusal = RefusalError(status, "De termijn is al verlengd.")
    got = signed_in("privacy-coordinator").post(
        f"{PAGE}/extension", seen_on=PAGE, version='"2"', **{"extension-reason": "number"}
    )
    assert got.status_code == 409
    assert 'role="alert"' in got.text
    assert fake.versions == ['"2"']
    assert ("De termijn is al verlengd." in got.text) == (status == 409)


@pytest.mark.parametrize("version", ['"€"', '"1"\r\nX-Evil: 1', "W/1", "x" * 5000, "\x00"])
def test_a_version_that_is_none_changes_nothing(fake, signed_in, version):
    """The field of a form that somebody altered is no text for a header: the page comes back as it is now."""
    got = signed_in("privacy-coordinator").post(
        f"{PAGE}/extension", seen_on=PAGE, version=version, **{"extension-reason": "number"}
    )
    assert got.status_code == 409
    assert fake.versions == []


def test_words_too_many_come_back_to_be_shortened(fake, signed_in):
    """What the service does not take for its size is not lost, and not called a breakdown."""
    fake.refusal = RefusalError(413, "More than 65536 bytes.")
    got = signed_in("privacy-coordinator").post(
        f"{PAGE}/extension", seen_on=PAGE, version='"2"', **{"extension-explanation": "veel woorden"}
    )
    assert got.status_code == 413
    assert "Te groot" in got.text
    assert "veel woorden" in got.text


def test_p63_the_page_shows_what_was_found_only_as_the_service_gives_it(fake, signed_in):
    """Before identity is established there is nothing, and the front desk never sees the message."""
    fake.cases = [case(message=None)]
    page = signed_in("front-desk").get(PAGE).text
    assert "Wat er gevonden is" not in page
    assert "Wat de betrokkene schreef" not in page


def test_while_the_services_look_the_page_says_who_is_not_ready(fake, signed_in):
    """And leads back to itself, since it runs no scripts."""
    services = [{"service": "intake", "outcome": None, "answered": False}]
    found = {"decision": DECISION, "complete": False, "services": services, "candidates": []}
    fake.cases = [case("verified", inquiry=found)]
    page = signed_in("privacy-coordinator").get(PAGE).text
    assert "De inventarisatie loopt nog: Contactformulieren wordt gezocht." in page
    assert f'<a href="{PAGE}">Opnieuw kijken</a>' in page


def test_what_was_decided_leads_to_who_did_what(fake, signed_in):
    """From the request to the decision and its receipts."""
    decided = {"id": DECISION, "outcome": "partly", "decided_by": "anna", "decided_at": "2026-11-18T09:00:00Z"}
    fake.cases = [case("executing", outcome="partly", decision=decided)]
    page = signed_in("fg").get(PAGE).text
    assert "deels toegewezen" in page
    assert f'href="/console/decisions/{DECISION}"' in page


def test_a_letter_can_be_read_to_print_it(fake, signed_in):
    """As text."""
    page = signed_in("privacy-coordinator").get(f"{PAGE}/letters/{LETTER}").text
    assert "Geachte &lt;i&gt;Jo&lt;/i&gt;,\nNee." in page
