"""What holds for every page: closed to scripts and strangers, marked in trial, and its errors tell nothing."""

from __future__ import annotations

import re

import pytest

from services.console import words
from services.requests.cases import rules
from services.requests.cases.letters import TEXTS
from services.requests.incidents.rules import FINDINGS
from shared.events import CLOSING_REASONS, DECISION_KINDS, EvidenceGrade, EvidenceScope, Outcome, ServiceName
from tests.services.console.fake_requests import CASE, DECISION, LETTER, assessed

LETTERS = {path.name.partition(".")[0] for path in TEXTS.iterdir()} - {"court", "footer"}
PATHS = [
    "/console/",
    "/console/decisions",
    f"/console/decisions/{DECISION}",
    f"/console/requests/{CASE}",
    f"/console/requests/{CASE}/letters/{LETTER}",
    f"/console/decisions/{DECISION}/closures",
    "/console/mail",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("language", ["nl", "en"])
def test_a_page_is_whole_and_loads_nothing_from_elsewhere(fake, signed_in, path, language):
    """Marked as a trial, in its language, without scripts or inline styles, under a tight policy, kept nowhere."""
    fake.cases = [assessed()]
    visitor = signed_in("privacy-coordinator")
    visitor.get(f"/console/?lang={language}")
    got = visitor.get(path)
    assert got.status_code == 200
    assert "PROEFOMGEVING" in got.text
    assert f'<html lang="{language}">' in got.text
    assert not re.search(r"<script|\sstyle=|\son\w+=|\ssrc=|https?://", got.text)
    assert got.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")
    assert got.headers["Cache-Control"] == "no-store"
    assert got.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", PATHS)
def test_every_field_has_a_label_and_every_table_its_heads(fake, signed_in, path):
    """One main heading, a caption, and a name for whatever can be filled in."""
    fake.cases = [assessed()]
    page = signed_in("privacy-coordinator").get(path).text
    assert page.count("<h1") == 1
    assert page.count("<table") == page.count("<caption") == page.count("<thead")
    labelled = set(re.findall(r'<label for="([^"]+)"', page))
    unlabelled = {
        field
        for field in re.findall(
            r'<(?:select|textarea|input(?! type="(?:hidden|radio|checkbox)"))[^>]*id="([^"]+)"', page
        )
        if field not in labelled
    }
    assert unlabelled == set()
    choices = re.findall(r"(<label[^>]*>)?<input type=\"(?:radio|checkbox)\"", page)
    assert all(choices)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_the_style_sheets_are_ours_and_may_be_kept(visitor):
    """Their addresses change with their content."""
    page = visitor.get("/console/sign-in").text
    sheets = re.findall(r'rel="stylesheet" href="([^"]+)"', page)
    assert len(sheets) == 2
    for address in sheets:
        got = visitor.client.get(address)
        assert (got.status_code, got.mimetype) == (200, "text/css")
        assert "max-age=86400" in got.headers["Cache-Control"]
        assert "?" in address


def test_a_console_that_cannot_read_its_accounts_is_not_ready(app, console, visitor):
    """Nobody could sign in to it; the answer names the part."""
    assert visitor.client.get("/console/readyz").status_code == 200
    path = console.accounts.directory / "accounts.json"
    path.chmod(0o644)
    try:
        got = visitor.client.get("/console/readyz")
    finally:
        path.chmod(0o600)
    assert got.status_code == 503
    assert "console.accounts" in got.text


def test_a_fault_of_ours_is_a_page_that_tells_nothing(fake, signed_in, caplog):
    """Neither a frame nor what was being shown."""
    visitor = signed_in("privacy-coordinator")
    visitor.client.application.view_functions["console.today.show_today"] = lambda: {}["jo@example.nl"]
    got = visitor.get("/console/")
    assert got.status_code == 500
    assert "jo@example.nl" not in got.text
    assert "Er ging iets mis" in got.text


@pytest.mark.parametrize(
    ("group", "codes"),
    [
        ("kind", DECISION_KINDS),
        ("grade", EvidenceGrade.__args__),
        ("scope", EvidenceScope.__args__),
        ("outcome", Outcome.__args__),
        ("service", ServiceName.__args__),
        ("closing-reason", CLOSING_REASONS),
        ("case-state", rules.STATES),
        ("case-outcome", (*rules.OUTCOME_NAMES.values(), "withdrawn")),
        ("channel", rules.Channel.__args__),
        ("method", rules.Method.__args__),
        ("document", rules.DocumentType.__args__),
        ("doubt", rules.Doubt.__args__),
        ("extension", rules.ExtensionReason.__args__),
        ("letter", LETTERS),
        ("incident-finding", FINDINGS),
    ],
)
def test_every_code_of_the_catalogue_has_its_word(group, codes):
    """No page shows the code's own words for what the catalogue knows; in both languages."""
    for code in codes:
        assert words.GROUPS[group][code].dutch


def test_a_code_from_a_newer_service_is_shown_as_it_is():
    """Better a code than a page that fails."""
    assert words.named("outcome", "new-outcome") == "new-outcome"
