"""The console as people see it: in a real browser, without scripts, on a phone and on a desk."""

from __future__ import annotations

import pytest

from tests.services.console.fake_requests import (
    CASE,
    DECISION,
    FORM,
    INVOICE,
    LETTER,
    assessed,
    case,
    closure,
    decision,
)

PAGES = [
    "/console/",
    "/console/decisions",
    f"/console/decisions/{DECISION}",
    f"/console/requests/{CASE}",
    f"/console/requests/{CASE}/letters/{LETTER}",
    f"/console/decisions/{DECISION}/closures",
    "/console/editions",
    "/console/mail",
]


@pytest.fixture
def sign_in(browser, origin, trial):
    """Return what signs in with a trial account."""

    def enter(name: str) -> None:
        browser.open(f"{origin}/console/")
        browser.fill("#name", name)
        browser.fill("#password", trial[1][name])
        browser.click("main button")
        assert browser.address == f"{origin}/console/"

    return enter


def test_the_privacy_coordinator_brings_a_request_to_its_end(browser, origin, sign_in, fake):
    """From the identity at the counter to a decision with one part that stays, and the proof of it."""
    sign_in("privacy-coordinator")
    assert "identiteit vaststellen" in browser.text
    browser.click("main tbody a")
    browser.tick('input[value="counter"]')
    browser.choose("#identity-document_type", "passport")
    browser.tick("input[name=identity-email]")
    browser.tick('input[value="verified"]')
    browser.click("#identity button")
    assert fake.asked[-2][2]["outcome"] == "verified"

    fake.cases = [assessed()]
    browser.open(f"{origin}/console/requests/{CASE}")
    form, invoice = f"intake:contact-forms:{FORM}", f"dossier:invoices:{INVOICE}"
    browser.tick(f'input[name="grant-what:{form}"][value=erase]')
    browser.tick(f'input[name="grant-what:{invoice}"][value=keep]')
    browser.choose(f'[name="grant-ground:{invoice}"]', "fiscal-retention")
    browser.fill("#grant-explanation", "Facturen bewaren wij zeven jaar.")
    browser.click("#grant button")
    body = next(asked[2] for asked in reversed(fake.asked) if asked[0] == "POST")
    assert body["outcome"] == "partly"
    assert [record["id"] for record in body["records"]] == [FORM]
    assert [(part["id"], part["ground"]) for part in body["retained"]] == [(INVOICE, "fiscal-retention")]
    assert body["explanation"] == "Facturen bewaren wij zeven jaar."

    browser.open(f"{origin}/console/decisions/{DECISION}")
    assert "opnieuw gelezen bij de verwerker" in browser.text
    assert "Bewijsbestand ophalen" in browser.text


def test_what_is_missing_is_said_at_its_place(browser, origin, sign_in, fake):
    """The browser itself asks for a choice; a ground that is missing comes back from us with what was chosen."""
    sign_in("privacy-coordinator")
    fake.cases = [assessed()]
    browser.open(f"{origin}/console/requests/{CASE}")
    for name in (f"intake:contact-forms:{FORM}", f"dossier:invoices:{INVOICE}"):
        browser.tick(f'input[name="grant-what:{name}"][value=keep]')
    browser.click("#grant button")
    assert browser.text.count("Kies de grond waarop dit blijft.") == 4  # twice in the summary, once at each field
    assert browser.script("document.querySelectorAll('#grant input[value=keep]:checked').length") == 2


def test_a_refusal_unfolds_without_scripts(browser, origin, sign_in, fake):
    """The rarer acts are folded away until somebody wants them."""
    sign_in("privacy-coordinator")
    browser.open(f"{origin}/console/requests/{CASE}")
    assert browser.script("document.querySelector('#refusal').checkVisibility()") is False
    browser.tick("details:has(#refusal) summary")
    browser.choose("#refusal-ground", "not-authorised")
    browser.click("#refusal button")
    assert next(asked[2] for asked in reversed(fake.asked) if asked[0] == "POST")["ground"] == "not-authorised"


def test_the_other_language_is_one_click_away(browser, sign_in):
    """And stays chosen."""
    sign_in("fg")
    browser.click(".who a")
    assert "Requests of data subjects" in browser.text
    browser.click("nav a[href$=decisions]")
    assert "How it is known" not in browser.text
    browser.click("main tbody a")
    assert "how it is known" in browser.text.lower()


@pytest.mark.parametrize("width", [320, 360, 1200])
def test_every_page_fits_the_window(browser, origin, sign_in, fake, width):
    """Nothing is cut off or has to be pushed aside, down to the narrowest phone."""
    fake.cases = [assessed(), case(id="8a9d1f60-2f0b-4f4e-8a51-0c1d2e3f4a5b")]
    fake.decisions = [decision(decided_by="x" * 60)]
    fake.closures = [closure()]
    browser.resize(width)
    sign_in("privacy-coordinator")
    for path in PAGES:
        browser.open(f"{origin}{path}")
        assert browser.overflow() <= 0, path


def test_p86_pages_load_nothing_from_elsewhere(browser, origin, sign_in):
    """Seen by the browser itself, picture of an input field aside."""
    sign_in("privacy-coordinator")
    for path in PAGES:
        browser.open(f"{origin}{path}")
    assert {url for url in browser.requested if not url.startswith((f"{origin}/", "data:", "about:"))} == set()


def test_a_page_can_be_used_by_keyboard(browser, sign_in):
    """The first stop leads past the menu, and what has the focus can be seen."""
    sign_in("fg")
    browser.press_tab()
    assert browser.script("document.activeElement.textContent") == "Naar de inhoud"
    assert browser.script("document.activeElement.getBoundingClientRect().left") >= 0
    browser.press_tab()
    assert browser.script("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_words_can_be_read_against_their_ground(browser, origin, sign_in):
    """Every text has a contrast of 4.5 to 1 or more (WCAG 2.2, AA)."""
    sign_in("privacy-coordinator")
    for path in PAGES:
        browser.open(f"{origin}{path}")
        assert browser.script(WEAK_CONTRASTS) == [], path


WEAK_CONTRASTS = """
(() => {
  const parse = c => c.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor);
    if (c.length < 4 || c[3] > 0) return c } return [255, 255, 255] };
  const weak = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !e.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) weak.add(e.textContent.trim());
  }
  return [...weak];
})()
"""
