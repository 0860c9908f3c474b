"""The recipes for whoever builds a website, taken from docs/website.md as they stand, on a page of another origin."""

from __future__ import annotations

import re
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import yaml

from shared.settings import CONFIG, ROOT
from tests.browser.chromium import Chromium, Window
from tests.services.console.fake_requests import Served
from tests.services.intake.test_holding import given
from tests.services.intake.website import open_website

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.services.intake.website import Website

GUIDE = (ROOT / "docs" / "website.md").read_text(encoding="utf-8")
OURS, THEIRS = "https://privacy.clinic.example", "https://www.clinic.example"

TOKENS_GOT = "performance.getEntriesByType('resource').filter(each => each.name.endsWith('/form-token')).length"


class Quiet(SimpleHTTPRequestHandler):
    """The clinic's website: files in a folder, all of them pages."""

    extensions_map = {"": "text/html; charset=utf-8"}  # noqa: RUF012 - as its base class has it

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Serve a folder as the clinic's website; return its origin and the folder."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "bedankt").write_text("<!doctype html><p>Bedankt!</p>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", folder
    server.shutdown()
    server.server_close()


@pytest.fixture
def intake(request: pytest.FixtureRequest, tmp_path: Path, site: tuple[str, Path]) -> Iterator[tuple[str, Website]]:
    """Serve an intake whose policy names that website as the guide says; return where, and the installation.

    Its parameter says whether the website asks for proof of work.
    """
    recipe = yaml.safe_load(_block("yaml", 0).replace(THEIRS, site[0]))
    recipe["sites"]["www"]["form_token_required"] = False  # section 2 has no token, and section 1 says what that means
    recipe["sites"]["www"]["proof_of_work"] = getattr(request, "param", False)
    policy = yaml.safe_load((ROOT / CONFIG / "policy.yaml").read_text(encoding="utf-8")) | recipe
    (tmp_path / "policy.yaml").write_text(yaml.safe_dump(policy), encoding="utf-8")
    with open_website(tmp_path, {"DISCREET_POLICY": str(tmp_path / "policy.yaml")}) as website:
        served = Served(website.client.application)
        yield served.url, website
        served.stop()


@pytest.fixture
def show(site: tuple[str, Path], intake: tuple[str, Website]) -> Callable[..., str]:
    """Return what puts a recipe of the guide on a page of the website and returns the page's address.

    ``first`` is the recipe for the first line of a form.
    """

    def put(number: int, first: int | None = None) -> str:
        recipe = _block("html", number)
        if first is not None:
            recipe = _block("html", first) + recipe.partition("\n")[2]
        recipe = recipe.replace(OURS, intake[0])
        page = f'<!doctype html><html lang="nl"><meta charset="utf-8"><title>Contact</title>{recipe}</html>'
        (site[1] / f"{number}.html").write_text(page, encoding="utf-8")
        return f"{site[0]}/{number}.html"

    return put


@pytest.fixture
def scripted(chromium: Chromium) -> Iterator[Window]:
    """Open a window that runs scripts."""
    with chromium.window() as opened:
        yield opened


def test_a_plain_form_on_the_site_is_taken_and_leads_to_its_page_of_thanks(browser, show, site, intake) -> None:
    """Without JavaScript, from another origin, with the tick for the newsletter."""
    browser.open(show(0))
    _fill(browser, email="anna@voorbeeld.example")
    browser.tick("[name=newsletter]")
    browser.click("button")
    assert (browser.address, browser.text) == (f"{site[0]}/bedankt", "Bedankt!")
    [form] = intake[1].rows()
    assert (form.site, form.newsletter, form.suspected, form.privacy_version) == ("www", True, None, "2024-07-01")


def test_a_mistake_on_the_site_comes_back_on_our_page_with_everything_typed(browser, show, site, intake) -> None:
    """Put right and sent from there, the visitor still ends on the site."""
    browser.open(show(0))
    _fill(browser, email="anna@voorbeeld")
    browser.click("button")
    assert "/intake/v1/contact-forms" in browser.address
    assert browser.script("document.querySelector('[name=message]').value").strip() == "Graag een afspraak."
    assert intake[1].rows() == []
    browser.fill("[name=email]", "anna@voorbeeld.example")
    browser.click("button")
    assert browser.address == f"{site[0]}/bedankt"
    assert [form.site for form in intake[1].rows()] == ["www"]


def test_a_script_on_the_site_sends_the_form_and_shows_what_is_wrong_and_the_reference(scripted, show, intake) -> None:
    """The visitor stays on the page."""
    scripted.open(show(1))
    _until(lambda: any(url.endswith("/form-token") for url in scripted.requested))
    _fill(scripted, email="anna@voorbeeld")
    scripted.tick("button")
    _until(lambda: "email: " in scripted.text)
    scripted.fill("[name=email]", "anna@voorbeeld.example")
    intake[1].clock.forward(seconds=5)
    scripted.tick("button")
    _until(lambda: "Je bericht heeft nummer" in scripted.text)
    [form] = intake[1].rows()
    assert form.reference in scripted.text
    assert (form.site, form.suspected) == ("www", None)


def test_a_script_on_the_site_says_that_nobody_answers_and_goes_on_after_a_day(scripted, show, intake) -> None:
    """A visitor who hears nothing believes that it arrived; and a page that stood open is of use again."""
    scripted.open(show(1))
    _until(lambda: any(url.endswith("/form-token") for url in scripted.requested))
    _fill(scripted, email="anna@voorbeeld.example")
    scripted.script("window.online = window.fetch; window.fetch = () => Promise.reject(new TypeError('offline')); 0")
    scripted.tick("button")
    _until(lambda: "Versturen lukt nu niet" in scripted.text)
    scripted.script("window.fetch = window.online; 0")
    intake[1].clock.forward(hours=25)
    scripted.tick("button")
    _until(lambda: "stond te lang open" in scripted.text)
    _until(lambda: scripted.script(TOKENS_GOT) == 2)
    intake[1].clock.forward(seconds=5)
    scripted.tick("button")
    _until(lambda: "Je bericht heeft nummer" in scripted.text)
    assert [form.suspected for form in intake[1].rows()] == [None]


def test_our_page_stands_in_a_frame_of_the_site_and_of_no_other(browser, show, intake, tmp_path) -> None:
    """The browser itself refuses to show it anywhere else."""
    browser.open(show(2))
    inside = "document.querySelector('iframe').getBoundingClientRect().width > 0"
    assert browser.script(inside)
    assert any(url.startswith(f"{intake[0]}/intake/static/") for url in browser.requested)
    browser.requested.clear()
    elsewhere = tmp_path / "elsewhere.html"
    elsewhere.write_text(_block("html", 2).replace(OURS, intake[0]))
    browser.open(elsewhere.as_uri())
    assert not any("/intake/static/" in url for url in browser.requested)


def test_p87_sharing_is_a_plain_link_that_loads_nothing(browser, show, site) -> None:
    """A network hears of a visitor who clicks, and of nobody else."""
    browser.open(show(4))
    assert "WhatsApp" in browser.text
    assert {url.partition("?")[0].removesuffix("favicon.ico") for url in browser.requested} <= {
        f"{site[0]}/4.html",
        f"{site[0]}/",
    }


@pytest.mark.parametrize("intake", [True], indirect=True)
def test_a_site_that_asks_for_work_gets_it_from_each_of_its_forms(scripted, show, intake, site) -> None:
    """A plain form, a script's, and our own page: none is put aside, and nothing is loaded from anybody else."""
    scripted.open(show(0, first=3))
    _fill(scripted, email="plain@voorbeeld.example")
    scripted.click("button")
    _until(lambda: scripted.address == f"{site[0]}/bedankt")
    scripted.open(show(1))
    _fill(scripted, email="script@voorbeeld.example")
    _until(lambda: any(url.endswith("/form-token") for url in scripted.requested))
    intake[1].clock.forward(seconds=5)
    scripted.tick("button")
    _until(lambda: "Je bericht heeft nummer" in scripted.text)
    scripted.open(f"{intake[0]}/intake/contact?site=www")
    _fill(scripted, email="ours@voorbeeld.example")
    intake[1].clock.forward(seconds=5)
    scripted.click("button")
    _until(lambda: scripted.address == f"{site[0]}/bedankt")
    forms = intake[1].rows()
    assert [(form.site, form.suspected) for form in forms] == [("www", None)] * 3
    assert {form for _, form in given(intake[1])} == {form.id for form in forms[:2]}  # the site's host never saw ours
    assert all(url.startswith((*site[:1], intake[0])) for url in scripted.requested)


def _block(language: str, number: int) -> str:
    """Return a block of code from the guide, as it stands."""
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)[number]


def _fill(browser: Window, *, email: str) -> None:
    for name, value in (("name", "Anna Jansen"), ("email", email), ("message", "Graag een afspraak.")):
        browser.fill(f"[name={name}]", value)


def _until(done: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not done():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
