"""The trial's mails: what would have been sent, as text, and only where nothing is sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from services.console.app import create_app
from services.console.mails import with_links
from tests.services.console.conftest import Visitor

OURS = "http://127.0.0.1:8000"
MAIL = (
    "From: Clinic <no-reply@clinic.example>\n"
    "To: jo@example.nl\n"
    "Subject: =?utf-8?q?Bevestig_je_aanmelding_=E2=80=93_caf=C3=A9?=\n"
    "Date: Sun, 22 Nov 2026 10:00:00 +0100\n"
    f"List-Unsubscribe: <{OURS}/newsletter/unsubscribe/abc>\n"
    "Content-Type: text/plain; charset=utf-8\n"
    "Content-Transfer-Encoding: 8bit\n"
    "\n"
    f"Beste Jo, ga naar {OURS}/newsletter/confirm/Zx-9_y.\n"
    "Niet naar https://evil.example/a <script>alert(1)</script>\n"
)


@pytest.fixture
def folder(home: Path) -> Path:
    """Put one mail in the trial's folder."""
    new = home / "mail" / "new"
    new.mkdir(parents=True, exist_ok=True)
    (new / "1795000000.abc123.discreet").write_text(MAIL)
    return new


def test_the_viewer_lists_mails_and_shows_one(folder, signed_in):
    """With the subject decoded and the headers that matter."""
    visitor = signed_in("front-desk")
    page = visitor.get("/console/mail").text
    assert "Bevestig je aanmelding – café" in page
    assert "jo@example.nl" in page
    got = visitor.get("/console/mail/abc123")
    assert got.status_code == 200
    assert f'<a href="{OURS}/newsletter/unsubscribe/abc">' in got.text


def test_a_mail_is_text_in_which_only_our_own_addresses_lead_somewhere(folder, signed_in):
    """A full stop is no part of an address, and markup is only text."""
    page = signed_in("front-desk").get("/console/mail/abc123").text
    assert f'<a href="{OURS}/newsletter/confirm/Zx-9_y">{OURS}/newsletter/confirm/Zx-9_y</a>.' in page
    assert "<script" not in page
    assert 'href="https://evil' not in page


@pytest.mark.parametrize(
    ("text", "links"),
    [
        (f"{OURS}/a?b=c&d=%20#e", [f"{OURS}/a?b=c&d=%20#e"]),
        (f"<{OURS}/a>, ({OURS}/b) {OURS}/c! {OURS}/", [f"{OURS}/{each}" for each in ("a", "b", "c", "")]),
        (f"{OURS}1/a {OURS}.evil.example/ {OURS}@evil.example/ {OURS}", []),
        (f"x{OURS}/a", [f"{OURS}/a"]),
        ("", []),
    ],
)
def test_links_are_our_own_origin_exactly(text, links):
    """An address that only begins like ours is not ours; no letter is lost either way."""
    pieces = list(with_links(text, OURS))
    assert [piece for piece, is_link in pieces if is_link] == links
    assert "".join(piece for piece, _ in pieces) == text


def test_a_mail_that_is_not_there_is_not_found(folder, signed_in):
    """An id never becomes a path."""
    visitor = signed_in("front-desk")
    for mail_id in ("nope", "..", "%2e%2e%2fnew"):
        assert visitor.get(f"/console/mail/{mail_id}").status_code == 404


@pytest.mark.parametrize("changed", [{"mode": "live"}, {"smtp_url": "smtp://127.0.0.1:25"}])
def test_where_mails_really_leave_there_is_no_viewer(folder, settings, tmp_path, passwords, changed):
    """Neither the page nor the way to it."""
    app = create_app(settings)
    visitor = Visitor(app.test_client())
    visitor.sign_in("front-desk", passwords["front-desk"])
    console = app.extensions["discreet.console"]
    app.extensions["discreet.console"] = replace(console, settings=replace(settings, **changed))
    for path in ("/console/mail", "/console/mail/abc123"):
        assert visitor.get(path).status_code == 404
    assert "/console/mail" not in visitor.get("/console/").text
