"""What people see of decisions: every party, how it is known, what is late, and the proof to take along."""

from __future__ import annotations

import re

import pytest

from tests.services.console.fake_requests import CASE, DECISION, RefusalError, answer, decision

PAGE = f"/console/decisions/{DECISION}"


def rows(page: str) -> dict[str, str]:
    """Return the rows of a page's table by their head, as words."""
    found = {}
    for row in re.findall(r"<tr role=\"row\".*?</tr>", page, re.DOTALL):
        words = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", row)).strip()
        head = re.search(r"<th role=\"rowheader\".*?</th>", row, re.DOTALL)
        if head:
            found[re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", head[0])).strip()] = words
    return found


def test_one_decision_shows_every_service_and_processor(signed_in):
    """Own stores and processors, whether they answered or not."""
    shown = rows(signed_in("fg").get(PAGE).text)
    assert len(shown) == 9
    assert {"Contactformulieren eigen opslag", "Mailer B.V. verwerker, via Nieuwsbrief"} <= shown.keys()


@pytest.mark.parametrize(
    ("party", "said"),
    [
        ("Contactformulieren eigen opslag", "eigen opslag, opnieuw geteld"),
        ("Mailer B.V. verwerker, via Nieuwsbrief", "opnieuw gelezen bij de verwerker"),
        ("Webhost B.V. verwerker, via Contactformulieren", "verklaring van een genoemd persoon"),
        ("Crm B.V. verwerker, via Dossier", "ondertekend door de verwerker"),
        ("Books B.V. verwerker, via Dossier", "bevestigd door de API"),
    ],
)
def test_it_says_in_plain_words_how_each_answer_is_known(signed_in, party, said):
    """Nobody is told more than is known."""
    row = rows(signed_in("fg").get(PAGE).text)[party]
    assert said in row
    assert "uitgevoerd" in row
    assert "19 nov 2026, 09:30" in row


def test_what_is_late_stands_out(signed_in):
    """By a word, not by a colour alone; with the time it was due and the attempts that failed."""
    page = signed_in("fg").get(PAGE).text
    row = rows(page)["Mailhost B.V. verwerker, via Contactformulieren"]
    assert "te laat" in row
    assert "20 nov 2026, 10:00" in row
    assert "2 mislukte pogingen" in row
    assert "wacht op uitvoeringsbevestiging" in rows(page)["Verzoeken eigen opslag"]
    assert "7 van 9 uitvoeringsbevestigingen binnen; 1 te laat" in page


def test_an_attempt_that_failed_stays_visible_after_it_succeeded(signed_in):
    """The history is part of the truth."""
    assert "1 mislukte poging " in rows(signed_in("fg").get(PAGE).text)["Mailer B.V. verwerker, via Nieuwsbrief"]


def test_what_is_kept_says_why_and_until_when(signed_in):
    """The ground in words, with its rule."""
    row = rows(signed_in("fg").get(PAGE).text)["Dossier eigen opslag"]
    assert "blijft bewaard, op een grond" in row
    assert "(factuur): Fiscale bewaarplicht (art. 52(4) AWR), tot 2034-01-01" in row


def test_an_answer_that_proves_nothing_does_not_look_like_done(fake, signed_in):
    """Closed without confirmation is never counted as carried out."""
    fake.decisions = [decision(answers=[answer("intake", "webhost", state="answered", outcome="closed-unconfirmed")])]
    page = signed_in("fg").get(PAGE).text
    assert '<span class="badge note">afgesloten zonder bevestiging</span>' in page
    assert "badge good" not in page


def test_in_english_it_says_the_same(signed_in):
    """The choice of language changes words, not facts."""
    visitor = signed_in("fg")
    visitor.get("/console/?lang=en")
    page = visitor.get(PAGE).text
    assert "looked again at the processor" in page
    assert "7 of 9 receipts are in; 1 overdue" in page
    assert "Fiscal retention (art. 52(4) AWR)" in page


def test_the_proof_is_passed_on_byte_for_byte(fake, signed_in):
    """Its signatures are over exactly these bytes."""
    fake.proof = b'{"proof":  "\xc3\xa9"}\n'
    got = signed_in("fg").get(f"{PAGE}/proof")
    assert got.data == fake.proof
    assert got.headers["Content-Disposition"] == f"attachment; filename=proof-{DECISION}.json"
    assert got.mimetype == "application/json"


def test_the_list_filters_by_state_and_kind(fake, signed_in):
    """The service filters; the form shows what was chosen."""
    page = signed_in("fg").get("/console/decisions?state=overdue&kind=erasure").text
    assert fake.asked[-1] == ("POST", "decisions/search", {"state": "overdue", "kind": "erasure"})
    assert '<option value="overdue" selected>' in page
    assert '<option value="erasure" selected>' in page


def test_a_filter_nobody_knows_is_said_to_be_wrong(fake, signed_in):
    """What the service refuses is a page, with the service's words."""

    def refuse(_environ):
        raise RefusalError(422, "", {"state": ["Kies een van de standen."]})

    fake._answer = refuse
    got = signed_in("fg").get("/console/decisions?state=nonsense")
    assert got.status_code == 422
    assert "Kies een van de standen." in got.text


def test_the_list_pages_with_the_services_cursor(fake, signed_in):
    """And keeps the filter on the way."""
    fake.decisions = [decision(id=f"0b8f5bd4-63a5-4a43-9a62-{number:012}") for number in range(30)]
    visitor = signed_in("fg")
    first = visitor.get("/console/decisions?state=open").text
    assert first.count('role="rowheader"') == 25
    assert 'href="?state=open&amp;cursor=more"' in first
    second = visitor.get("/console/decisions?state=open&cursor=more").text
    assert fake.asked[-1][2] == {"state": "open"}
    assert second.count('role="rowheader"') == 1
    assert 'href="?state=open"' in second


def test_a_decision_that_is_not_there_is_not_found(signed_in):
    """Or not yet: the ledger takes a moment. Neither is one that is no id at all."""
    visitor = signed_in("fg")
    missing = f"/console/decisions/{CASE[:-1]}c"
    got = visitor.get(missing)
    assert got.status_code == 404
    assert "net genomen en nog niet vastgelegd" in got.text
    assert f'<a href="{missing}">Opnieuw kijken</a>' in got.text
    assert visitor.get("/console/decisions/x").status_code == 404


def test_who_may_not_read_decisions_is_not_led_to_them(signed_in):
    """The menu hides them; the service refuses them."""
    visitor = signed_in("front-desk")
    assert "/console/decisions" not in visitor.get("/console/").text
    got = visitor.get(PAGE)
    assert got.status_code == 403
    assert "je rol mag dit niet" in got.text.lower()


def test_a_service_that_is_down_is_named_on_the_page(service, signed_in):
    """With 503, and the way back."""
    visitor = signed_in("fg")
    service.stop()
    for path in (PAGE, "/console/decisions", f"{PAGE}/proof", "/console/"):
        got = visitor.get(path)
        assert got.status_code == 503
        assert "Het onderdeel Verzoeken (besluiten en uitvoeringsbevestigingen) is nu niet te bereiken." in got.text
