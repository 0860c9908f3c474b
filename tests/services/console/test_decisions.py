"""What people see of decisions: every party, how it is known, what is late, and the proof to take along."""

from __future__ import annotations

import re

import pytest

from tests.services.console.fake_requests import CASE, CLOSURE, DECISION, RefusalError, answer, closure, decision, done

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
    assert "(factuur): Fiscale bewaarplicht (art. 52(4) AWR), tot 1 jan 2034" in row


@pytest.mark.parametrize(
    ("code", "nl", "en"),
    [
        ("newsletter.ended", "Beëindigde inschrijving voor de nieuwsbrief", "Ended newsletter subscription"),
        ("consent-withdrawn", "toestemming ingetrokken (art. 7(3) AVG)", "consent withdrawn (art. 7(3) AVG)"),
        ("art. 7:455 BW", "art. 7:455 BW", "art. 7:455 BW"),
    ],
)
def test_why_it_was_decided_is_said_in_words(fake, signed_in, code, nl, en):
    """Never by the code's own: a term by its name in the policy, an article of law as it is."""
    fake.decisions = [decision(ground=code)]
    visitor = signed_in("fg")
    for language, words in (("nl", nl), ("en", en)):
        visitor.get(f"{PAGE}?lang={language}")
        assert f"<dd>{words}</dd>" in visitor.get(PAGE).text


def test_why_an_attempt_failed_is_said_in_words(fake, signed_in):
    """Where it is the processor that said what was not so, anybody should understand that."""
    lied = {"outcome": "failed", "acted_at": "2026-11-19T08:20:00Z", "ground": "ContradictedError: It confirmed."}
    fake.decisions = [decision(answers=[answer("newsletter", "mailer", history=[lied])])]
    page = signed_in("fg").get(PAGE).text
    assert "(de verwerker bevestigde het, maar bij het nalezen bleek het niet gebeurd)" in page
    assert "ContradictedError" not in page


def test_an_answer_that_is_about_a_part_says_which(fake, signed_in):
    """Deleted at the mail host are our own mails, and the page says what that leaves out."""
    fake.decisions = [decision(answers=[done("intake", "mailhost", "re-read", covers="own-forwarded-copies")])]
    assert "niet over antwoorden, kopieën elders en reservekopieën" in signed_in("fg").get(PAGE).text


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


def test_an_answer_that_never_comes_can_be_proposed_to_be_closed(fake, signed_in):
    """Only of a processor that is late, and only by who acts; the fg sees no such thing."""
    visitor = signed_in("privacy-coordinator")
    page = visitor.get(PAGE).text
    assert page.count("Voorstellen om af te sluiten") == 1
    assert "Voorstellen om af te sluiten" not in signed_in("fg").get(PAGE).text
    fields = {"service": "intake", "processor": "mailhost", "reason": "bankrupt"}
    got = visitor.post(f"{PAGE}/closures", seen_on=PAGE, **fields)
    assert (got.status_code, got.location) == (303, f"{PAGE}/closures")
    assert fake.asked[-1] == ("POST", f"decisions/{DECISION}/closures", fields)


def test_what_one_person_proposed_another_confirms(fake, signed_in):
    """Who proposed it is not offered to confirm it; a physician is, and needs no other page for it."""
    fake.closures = [closure()]
    mine = signed_in("privacy-coordinator").get(f"{PAGE}/closures").text
    assert "wacht op bevestiging door een ander" in mine
    assert "/confirmation" not in mine
    physician = signed_in("physician")
    page = physician.get(f"{PAGE}/closures").text
    assert "de verwerker is failliet. Voorgesteld door privacy-coordinator" in page
    assert f'href="{PAGE}"' not in page
    got = physician.post(f"{PAGE}/closures/{CLOSURE}/confirmation", seen_on=f"{PAGE}/closures")
    assert got.status_code == 303
    assert fake.asked[-1][1] == f"decisions/{DECISION}/closures/{CLOSURE}/confirmation"
    assert fake.callers[-1].subject == "physician"


def test_what_two_people_closed_stays_visible_and_is_not_counted(fake, signed_in):
    """Who they were, and why; in the list as well."""
    words = [{"outcome": "closed-unconfirmed", "acted_at": "2026-11-22T09:00:00Z", "ground": "bankrupt"}]
    words[0]["closed_by"] = ["anna", "dr. Vos"]
    given = answer("intake", "mailhost", state="closed", outcome="closed-unconfirmed", history=words)
    fake.decisions = [decision(answers=[given], state="closed", overdue=0, answered=8, unconfirmed=1)]
    visitor = signed_in("fg")
    page = visitor.get(PAGE).text
    assert "Afgesloten door anna en dr. Vos: de verwerker is failliet" in page
    assert "8 van 9 uitvoeringsbevestigingen binnen; 1 afgesloten zonder bevestiging" in page
    assert "badge good" not in page
    assert "1 zonder bevestiging" in visitor.get("/console/decisions").text


def test_what_waits_for_a_second_person_is_not_proposed_again(fake, signed_in):
    """The decision leads to the proposal instead."""
    waiting = answer("intake", "mailhost", state="overdue", closure=closure())
    fake.decisions = [decision(answers=[waiting])]
    page = signed_in("privacy-coordinator").get(PAGE).text
    assert f'<a href="{PAGE}/closures">wacht op bevestiging door een ander</a>' in page
    assert "Voorstellen om af te sluiten" not in page


def test_a_proposal_that_the_service_refuses_says_why(fake, signed_in):
    """For instance when the answer came after all."""
    fake.refusal = RefusalError(409, "Dit antwoord is er al.")
    got = signed_in("privacy-coordinator").post(f"{PAGE}/closures", seen_on=PAGE, service="intake", reason="bankrupt")
    assert got.status_code == 409
    assert "Dit antwoord is er al." in got.text
