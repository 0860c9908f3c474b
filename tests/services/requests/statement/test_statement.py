"""The privacy statement as visitors and programs meet it, and whom to tell of a weakness."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, get_args

import pytest
from markupsafe import escape

from services import registry
from services.requests.statement.automatic import ACTS
from services.requests.statement.layout import Block, blocks
from services.requests.statement.summary import FROM, GROUNDS, ROLES, WHILE
from shared.policy.parts import Lasting, Start
from shared.propagation.register import Role, TransferGround
from shared.settings import CONFIG, ROOT, SERVICES
from tests.services.requests.conftest import open_clinic

if TYPE_CHECKING:
    from pathlib import Path

TOUCH_NOBODY = {
    "compare what the services did with the ledger",
    "destroy unused data keys",
    "end the terms of editions",
    "end the terms of the system's own records",
    "forget marks of deliveries",
    "look up editions that were told of",
    "mail the head of the ledger",
    "watch the programme for editions",
    "watch the programme's webhooks",
}
"""Jobs after which nothing is otherwise for anybody whose data are here."""
BROWSER = {"Accept": "text/html,*/*;q=0.8"}
POLICY = (ROOT / CONFIG / "policy.yaml").read_text(encoding="utf-8")


def put(clinic, name: str, text: str) -> str:
    """Lay a text where the clinic lays it; return its digest."""
    folder = clinic.tools.settings.policy.parent / "statement"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode())
    return hashlib.sha256(text.encode()).hexdigest()


def with_policy(home: Path, *changes: tuple[str, str]):
    """Open a clinic that goes by the shipped policy with these changes."""
    text = POLICY
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (home / "policy.yaml").write_text(text, encoding="utf-8")
    return open_clinic(home, {"DISCREET_POLICY": str(home / "policy.yaml")})


@pytest.fixture
def clinic(tmp_path):
    """Open a clinic with a folder of its own for policy and statement."""
    with with_policy(tmp_path) as opened:
        yield opened


def test_p93_a_fresh_installation_shows_the_version_of_1_july_2024(clinic) -> None:
    """On the page, to a program, in the list, and in the header that caches go by."""
    page = clinic.client.get("/privacy", headers=BROWSER)
    assert (page.status_code, page.mimetype) == (200, "text/html")
    assert "geldt vanaf 1 juli 2024" in page.text
    assert page.headers["Last-Modified"] == "Mon, 01 Jul 2024 00:00:00 GMT"
    shown = clinic.client.get("/privacy").json
    assert (shown["version"], shown["from"], shown["current"], shown["summary"]) == (
        "2024-07-01",
        "2024-07-01",
        True,
        True,
    )
    assert shown["sha256"] == hashlib.sha256(shown["text"].encode()).hexdigest()
    [version] = clinic.client.get("/privacy/versions").json["versions"]
    assert (version["version"], version["current"]) == ("2024-07-01", True)
    assert {text["language"] for text in version["texts"]} == {"nl", "en"}


def test_p92_the_clinic_s_own_text_takes_the_place_of_the_summary(clinic) -> None:
    """Word for word, under its digest; what looks like markup in it is text."""
    digest = put(clinic, "2024-07-01.nl.txt", "## Kort\n\nWij bewaren <b>weinig</b>.\n- naam\n- adres\n")
    shown = clinic.client.get("/privacy").json
    assert (shown["sha256"], shown["summary"]) == (digest, False)
    page = clinic.client.get("/privacy", headers=BROWSER).text
    assert "<h2>Kort</h2>" in page
    assert "&lt;b&gt;weinig&lt;/b&gt;" in page
    assert re.search(r"<li>naam</li>\s*<li>adres</li>", page)
    assert digest in page


def test_p92_earlier_versions_stay_to_be_read_and_later_ones_wait(tmp_path) -> None:
    """Who agreed to an earlier one can read it; a draft shows when the policy names it."""
    with with_policy(tmp_path, ("statement: 2024-07-01", "statement: 2026-10-01")) as clinic:
        old = put(clinic, "2024-07-01.nl.txt", "De oude tekst.")
        put(clinic, "2026-10-01.nl.txt", "De nieuwe tekst.")
        put(clinic, "2027-01-01.nl.txt", "Nog geheim.")
        put(clinic, "kladje.txt", "Nog geheim.")
        put(clinic, "2026-02-30.nl.txt", "Nog geheim.")
        listed = clinic.client.get("/privacy/versions").json["versions"]
        assert [(each["version"], each["current"]) for each in listed] == [("2026-10-01", True), ("2024-07-01", False)]
        assert clinic.client.get("/privacy").json["text"] == "De nieuwe tekst."
        earlier = clinic.client.get("/privacy/versions/2024-07-01").json
        assert (earlier["text"], earlier["sha256"], earlier["current"]) == ("De oude tekst.", old, False)
        page = clinic.client.get("/privacy/versions/2024-07-01", headers=BROWSER)
        assert "Deze versie geldt niet meer." in page.text
        assert page.headers["Last-Modified"] == "Mon, 01 Jul 2024 00:00:00 GMT"
        list_page = clinic.client.get("/privacy/versions", headers=BROWSER).text
        assert 'href="/privacy/versions/2024-07-01?language=nl"' in list_page
        assert "geheim" not in list_page
        assert clinic.client.get("/privacy/versions/2027-01-01").status_code == 404


def test_p92_a_version_whose_text_was_changed_has_another_digest(clinic) -> None:
    """The digest shows it to whoever noted it; nothing else does yet."""
    before = put(clinic, "2024-07-01.nl.txt", "Wij bewaren dit een jaar.")
    assert clinic.client.get("/privacy").json["sha256"] == before
    put(clinic, "2024-07-01.nl.txt", "Wij bewaren dit tien jaar.")
    assert clinic.client.get("/privacy").json["sha256"] != before


@pytest.mark.parametrize(("language", "given"), [("nl", "en"), ("en", "nl")])
def test_a_text_in_one_language_is_shown_in_the_other_too(clinic, language, given) -> None:
    """Better the other language than nothing; the page says which it is."""
    put(clinic, f"2024-07-01.{given}.txt", "Tekst.")
    page = clinic.client.get(f"/privacy?language={language}", headers=BROWSER).text
    assert f'<article lang="{given}">' in page
    assert f'<html lang="{language}">' in page


def test_the_page_takes_the_links_of_mail_programmes(clinic) -> None:
    """A newsletter links here, with whatever a programme adds."""
    assert clinic.client.get("/privacy?utm_source=mail&language=en", headers=BROWSER).status_code == 200


def test_p81_the_statement_says_where_to_complain_at_any_time(clinic) -> None:
    """As a link that can be followed, in both languages."""
    authority = clinic.tools.policy.authority.url
    for language, words in (("nl", "te allen tijde"), ("en", "at any time")):
        page = clinic.client.get(f"/privacy?language={language}", headers=BROWSER).text
        assert f'href="{authority}"' in page
        assert words in page


def test_p33_the_summary_names_every_term_that_holds_for_people(clinic) -> None:
    """Each class of data that a service keeps about people, with its period in words."""
    text = clinic.client.get("/privacy", headers={"Accept-Language": "en"}).json["text"]
    assert "- Medical record: 20 years from the last medical change" in text
    assert "- Ended newsletter subscription: 1 month from its end" in text
    lasting = {"installed"}
    for name, term in clinic.tools.policy.terms.items():
        shown = name.split(".")[0] in {"intake", "dossier", "newsletter", "requests"} and term.lasting not in lasting
        assert (f"- {term.en}: " in text) == shown, name


def test_p88_a_processor_outside_the_eea_is_shown_with_its_ground(clinic) -> None:
    """The mail host of this register is in the United States."""
    text = clinic.client.get("/privacy", headers={"Accept-Language": "en"}).json["text"]
    assert "- hosting of e-mail, outside the European Economic Area (US) on the ground of an adequacy decision" in text


def test_the_summary_has_words_for_whatever_policy_and_register_may_say() -> None:
    """A new start, role or ground without words would break the page."""
    assert set(FROM) == set(get_args(Start))
    assert set(WHILE) == set(get_args(Lasting)) - {"installed"}
    assert set(ROLES) == set(get_args(Role))
    assert set(GROUNDS) == set(get_args(TransferGround)) - {"none"}


def test_the_clinic_s_own_page_is_linked_where_the_policy_names_it(tmp_path) -> None:
    """And only https is taken for it."""
    url = "https://www.kliniek.example/privacy"
    with with_policy(
        tmp_path, ("  # statement_url: https://www.clinic.example/privacy", f"  statement_url: {url}")
    ) as it:
        assert f'href="{url}"' in it.client.get("/privacy", headers=BROWSER).text
        assert it.client.get("/privacy").json["published_at"] == url


def test_p91_whoever_finds_a_weakness_knows_whom_to_tell(clinic) -> None:
    """RFC 9116: one contact, one date of expiry less than a year ahead, as UTF-8 text."""
    answer = clinic.client.get("/.well-known/security.txt")
    assert (answer.status_code, answer.content_type) == (200, "text/plain; charset=utf-8")
    lines = [line.split(": ", 1) for line in answer.text.splitlines() if not line.startswith("#")]
    fields = dict(lines)
    assert len(fields) == len(lines)
    assert fields["Contact"] == f"mailto:{clinic.tools.policy.clinic.security}"
    expires = datetime.strptime(fields["Expires"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert 150 < (expires - clinic.clock()).days < 365
    assert "PROEFOMGEVING" in answer.text
    assert "Canonical" not in fields  # RFC 9116: https only


def test_p91_behind_tls_the_file_names_the_form_first_and_says_where_it_stands(tmp_path) -> None:
    """The form needs no mail and no name; and a copy of the file elsewhere can be told from the real one."""
    with open_clinic(tmp_path, {"DISCREET_PUBLIC_URL": "https://avg.kliniek.example"}) as clinic:
        text = clinic.client.get("/.well-known/security.txt").text
    contacts = [line for line in text.splitlines() if line.startswith("Contact: ")]
    assert [line.partition(": ")[2].partition(":")[0] for line in contacts] == ["https", "mailto"]
    assert contacts[0] == "Contact: https://avg.kliniek.example/intake/security"
    assert "Canonical: https://avg.kliniek.example/.well-known/security.txt\n" in text


def test_plain_text_becomes_paragraphs_headings_and_lists() -> None:
    """As people write it, with or without blank lines between."""
    text = "Eerste regel\nen de tweede.\r\n\r\n# Kop\nMeteen tekst.\n- een\n• twee\n\n\n-geen lijst\n#geen kop\n"
    assert blocks(text) == [
        Block("paragraph", ("Eerste regel en de tweede.",)),
        Block("heading", ("Kop",)),
        Block("paragraph", ("Meteen tekst.",)),
        Block("list", ("een", "twee")),
        Block("paragraph", ("-geen lijst #geen kop",)),
    ]


def test_p82_p85_visitors_read_which_cookies_there_are_and_that_nobody_counts_them(tmp_path: Path) -> None:
    """Those of this system and of each website of the clinic; the statement links to them."""
    site = "sites:\n  www:\n    origins: [https://www.clinic.example]\n"
    cookie = "cookies:\n  taal: {set_by: www, kind: functional, life: P1Y, nl: Onthoudt de taal, en: Remembers it}\n"
    with with_policy(tmp_path, ("sites: {}\n", site), ("cookies:\n", cookie)) as clinic:
        assert "/privacy/cookies" in clinic.client.get("/privacy", headers=BROWSER).text
        page = clinic.client.get("/privacy/cookies", headers=BROWSER).text
        for words in ("discreet_console", "tot de browser sluit", "https://www.clinic.example", "taal", "1 jaar"):
            assert words in page
        assert "Bezoeken aan deze pagina’s worden niet geteld" in page
        assert "not counted" in clinic.client.get("/privacy/cookies?language=en", headers=BROWSER).text


def test_p57_everybody_reads_what_programs_do_by_themselves_and_no_job_is_left_out(clinic) -> None:
    """In both languages, with what people do about it; each timed job is on the list or touches nobody."""
    assert "/privacy/automatic" in clinic.client.get("/privacy", headers=BROWSER).text
    dutch, english = (
        clinic.client.get(f"/privacy/automatic?language={each}", headers=BROWSER) for each in ("nl", "en")
    )
    listed = clinic.client.get("/privacy/automatic", headers={"Accept-Language": "en"}).json["acts"]
    assert [each["id"] for each in listed] == [act.id for act in ACTS]
    for act, each in zip(ACTS, listed, strict=True):
        assert all(each[name] for name in ("done", "effect", "people"))
        for text in (act.done, act.effect, act.people):
            assert escape(text.dutch) in dutch.text
            assert escape(str(text)) in english.text
    jobs = {job.name for name in SERVICES for job in registry.load(name).jobs}
    told = [job for act in ACTS for job in act.jobs]
    assert set(told) | TOUCH_NOBODY == jobs
    assert len(told) + len(TOUCH_NOBODY) == len(jobs)
