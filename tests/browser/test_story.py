"""The whole story in a browser, on the running system: asked, recognised, decided, carried out, proved."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import requests

from shared.settings import ROOT
from tests.servers.kept import free_pair

PATIENCE = 90.0  # seconds, on a machine that does other things as well
BY_A_PROCESSOR = ("opnieuw gelezen bij de verwerker", "ondertekend door de verwerker", "verklaring van een genoemd")


@dataclass(frozen=True)
class Trial:
    """A trial system that runs: where it is, and who may sign in with what."""

    origin: str
    passwords: dict[str, str]


def wait_until(done: Callable[[], bool], what: str) -> None:
    """Wait for something that happens by itself."""
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, what
        time.sleep(0.25)


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trial]:
    """Run ``discreet up`` on an empty home."""
    home, port = tmp_path_factory.mktemp("home"), free_pair()
    origin = f"http://127.0.0.1:{port}"
    environ = {name: value for name, value in os.environ.items() if not name.startswith("DISCREET_")}
    environ |= {"DISCREET_MODE": "trial", "DISCREET_HOME": str(home), "DISCREET_PORT": str(port)}
    with (home / "log").open("wb") as log:
        parent = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "up"], cwd=ROOT, env=environ, stdout=log, stderr=log
        )
        try:
            wait_until(lambda: _is_ready(origin), (home / "log").read_text()[-2000:])
            lines = (home / "console" / "trial-accounts.txt").read_text().splitlines()
            yield Trial(origin, dict(line.split() for line in lines))
        finally:
            parent.send_signal(signal.SIGTERM)
            parent.wait(60)


def _is_ready(origin: str) -> bool:
    try:
        return requests.get(f"{origin}/readyz", timeout=2).ok
    except requests.RequestException:
        return False


def send(origin: str, path: str, **fields: str) -> None:
    """Send what a form on the clinic's site sends."""
    assert requests.post(f"{origin}{path}", json=fields, timeout=10).status_code == 202


def test_a_person_asks_and_everybody_who_had_something_answers(browser, trial):
    """The privacy coordinator needs no other tool than these pages."""
    origin = trial.origin
    send(origin, "/intake/v1/contact-forms", name="Jo Test", email="jo@example.nl", message="Mag ik bellen?")
    send(origin, "/newsletter/v1/subscriptions", first_name="Jo", email="jo@example.nl")

    browser.open(f"{origin}/requests/")
    browser.fill("[name=name]", "Jo Test")
    browser.fill("[name=email]", "jo@example.nl")
    browser.click("button[type=submit]")

    browser.open(f"{origin}/console/")
    browser.fill("#name", "privacy-coordinator")
    browser.fill("#password", trial.passwords["privacy-coordinator"])
    browser.click("main button")
    assert "identiteit vaststellen" in browser.text
    browser.click("main tbody a")
    page = browser.address

    browser.tick('input[value="counter"]')
    browser.choose("#identity-document_type", "passport")
    browser.tick("input[name=identity-email]")
    browser.tick('input[value="verified"]')
    browser.click("#identity button")

    _wait_on(browser, page, lambda: browser.script("!!document.querySelector('#grant')"))
    found = "[...document.querySelectorAll('#grant input[value=erase]')].map(choice => choice.name)"
    names = browser.script(found)
    assert {name.split(":")[1] for name in names} == {"intake", "newsletter"}
    for name in names:
        browser.tick(f'input[name="{name}"][value=erase]')
    browser.click("#grant button")
    assert "toegewezen" in browser.text

    browser.click("main a[href*='/console/decisions/']")
    decision = browser.address
    _wait_on(browser, decision, lambda: "verwerker, via Nieuwsbrief" in browser.text)
    answered: set[str] = set()

    def is_closed() -> bool:
        _declare_what_was_asked_by_hand(browser, origin, answered)
        browser.open(decision)
        return "afgerond" in browser.script("document.querySelector('h1').innerText")

    wait_until(is_closed, decision)
    assert "eigen opslag, opnieuw geteld" in browser.text
    assert any(known in browser.text for known in BY_A_PROCESSOR)
    _wait_on(browser, page, lambda: "afgerond" in browser.script("document.querySelector('h1').innerText"))
    browser.resize(360)
    browser.open(decision)
    assert browser.overflow() <= 0


def _wait_on(browser, page: str, done: Callable[[], bool]) -> None:
    """Open a page again until it shows what happens by itself."""

    def look() -> bool:
        browser.open(page)
        return done()

    wait_until(look, page)


def _declare_what_was_asked_by_hand(browser, origin: str, answered: set[str]) -> None:
    """Follow the links in mails to processors without an API, if there are any, and declare what they did."""
    tasks = "[...document.querySelectorAll('tbody a')].filter(a => a.innerText.includes('Task from')).map(a => a.href)"
    browser.open(f"{origin}/console/mail")
    for mail in set(browser.script(tasks)) - answered:
        browser.open(mail)
        browser.click(".letter a")
        browser.tick("input[name=outcome][value=done]")
        browser.fill("[name=name]", "W. Webhuis")
        browser.click("button[type=submit]")
        answered.add(mail)
