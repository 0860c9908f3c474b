"""``discreet website check`` on a real web server: what a page has a browser load, and which cookies come along."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from services.cli import main
from services.websites.reading import read_page, read_sheet
from shared.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLICY = (ROOT / "deploy" / "config" / "policy.yaml").read_text(encoding="utf-8")
HTML, CSS = "text/html; charset=utf-8", "text/css"


@pytest.fixture
def website() -> Iterator[tuple[str, dict[str, tuple[int, dict[str, str], str]]]]:
    """Give a web server's origin, and the pages it has, to be filled in."""
    pages: dict[str, tuple[int, dict[str, str], str]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, text = pages.get(self.path, (404, {}, ""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", pages
        server.shutdown()
        thread.join()


def check(home: Path, origin: str, *words: str) -> tuple[int, str]:
    """Run the command on a policy with this site; return how it ended and what it said."""
    site = f"sites:\n  www:\n    origins: [{origin}]\n    thanks: {{contact: {origin}/bedankt}}\n"
    cookie = "cookies:\n  taal: {set_by: www, kind: functional, life: P1Y, nl: Onthoudt de taal, en: Remembers it}\n"
    policy = home / "policy.yaml"
    policy.write_text(POLICY.replace("sites: {}\n", site).replace("cookies:\n", cookie), encoding="utf-8")
    environ = {"DISCREET_MODE": "trial", "DISCREET_HOME": str(home), "DISCREET_POLICY": str(policy)}
    result = CliRunner().invoke(main, ["website", "check", *words], env=environ)
    return result.exit_code, result.output


def test_p82_p84_p86_p87_what_a_website_loads_from_others_and_sets_is_told_page_by_page(website, tmp_path: Path):
    """Also what stands in its own style sheet, behind a link, and on the page that thanks; links to others are free."""
    origin, pages = website
    html = {"Content-Type": HTML}
    pages["/"] = (
        200,
        html | {"Set-Cookie": "taal=nl; Path=/"},
        """<link rel="stylesheet" href="/stijl.css"><a href="/over#team">O</a> <a href="https://www.facebook.com/k">f</a>
        <script src="https://www.googletagmanager.com/gtm.js"></script><img src="data:image/png;base64,AA==">""",
    )
    pages["/stijl.css"] = (200, {"Content-Type": CSS}, "@import 'https://fonts.googleapis.com/css2'; p {color: red}")
    pages["/over"] = (
        200,
        html | {"Set-Cookie": "_fbp=1"},
        '<a href="/weg">Weg</a><a href="/map">Map</a><a href="/">T</a>',
    )
    pages["/map"] = (302, {"Location": "https://maps.example/kliniek"}, "")
    pages["/bedankt"] = (200, html, '<iframe src="https://connect.facebook.net/knop"></iframe>')
    code, said = check(tmp_path, origin)
    assert code == 1
    rows = {tuple(cell.strip() for cell in line.split("│")[1:-1]) for line in said.splitlines() if line.startswith("│")}
    assert rows == {
        (f"{origin}/", "script", "www.googletagmanager.com", "measures visits (P86)"),
        (f"{origin}/stijl.css", "css", "fonts.googleapis.com", "another party"),
        (f"{origin}/over", "cookie _fbp", "-", "not on the register of cookies (P82)"),
        (f"{origin}/weg", "not read", "-", "answered 404"),
        (f"{origin}/map", "redirect", "maps.example", "another party"),
        (f"{origin}/bedankt", "iframe", "connect.facebook.net", "advertises (P84)"),
    }
    assert "5 pages and 1 style sheets read; 6 found. What scripts load or set afterwards is not seen." in said


def test_a_website_that_keeps_to_the_statement_ends_well_and_one_that_is_away_does_not(website, tmp_path: Path):
    """And no more pages are read than was asked, which is said."""
    origin, pages = website
    pages["/"] = pages["/bedankt"] = (
        200,
        {"Content-Type": HTML},
        '<img src="/logo.png" srcset="/a.png 1x, /b.png 2x">',
    )
    assert check(tmp_path, origin, "www") == (
        0,
        "www: 2 pages and 0 style sheets read; nothing found. What scripts load or set afterwards is not seen.\n",
    )
    assert "1 pages and 0 style sheets read, and there are more; nothing" in check(tmp_path, origin, "--pages", "1")[1]
    code, said = check(tmp_path, "http://127.0.0.1:9")
    assert (code, "ConnectionError" in said) == (1, True)
    code, said = check(tmp_path, origin, "shop")
    assert (code, "The policy has these: www." in said) == (2, True)


@pytest.mark.parametrize(
    ("text", "by"),
    [
        ('<img srcset="{} 2x">', "img"),
        ('<video poster="{}"></video>', "video"),
        ('<p style="background: url({})">', "css"),
        ("<style>@font-face {{src: url('{}')}}</style>", "css"),
        ('<link rel="preconnect" href="{}">', "link"),
        ('<meta http-equiv="Refresh" content="0; URL={}">', "meta"),
        ('<form action="{}">', "form"),
        ('<svg><image href="{}"/></svg>', "image"),
    ],
)
def test_every_way_in_which_a_page_turns_to_another_is_read(text: str, by: str):
    """As browsers read it, whatever the case of the letters."""
    at = "https://elders.example/x"
    [load] = read_page("https://www.clinic.example/", text.format(at)).loads
    assert (load.by, load.address) == (by, at)


def test_what_is_relative_or_only_named_is_no_load_of_another():
    """A canonical address is not fetched, and a base decides what relative means."""
    content = read_page(
        "https://www.clinic.example/a/",
        '<base href="/b/"><link rel="canonical" href="https://elders.example/"><script>url(x)</script>'
        '<a href="c">c</a><img src="//elders.example/p.png"><a href="http://[">kapot</a>',
    )
    assert content.links == ["https://www.clinic.example/b/c", ""]
    assert [load.address for load in content.loads] == ["https://elders.example/p.png"]
    assert [load.address for load in read_sheet("https://a.example/s/x.css", "a{b:url( ../i.png )}")] == [
        "https://a.example/i.png"
    ]
