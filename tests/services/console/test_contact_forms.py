"""Contact forms in the console, in front of the real intake: the mail's link leads to what was sent."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from services.cli import form_attempts
from services.console.accounts import ensure_trial_accounts
from services.console.app import create_app
from services.web import service_mount
from shared.clock import system_clock
from shared.settings import Settings
from shared.web.app import build_app
from tests.services.console.conftest import Visitor
from tests.services.console.fake_requests import Served
from tests.services.intake.website import open_website

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.services.intake.website import Website

MESSAGE = "Regel 1\n\tregel 2\n<script>alert(1)</script>"


@pytest.fixture(scope="module")
def website(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Website]:
    """Give a real intake that took one form in."""
    with open_website(tmp_path_factory.mktemp("home")) as found:
        found.clock.now = system_clock()
        found.send(message=MESSAGE, name="Zoë", phone="0612345678", newsletter=True)
        yield found


@pytest.fixture(scope="module")
def served(website: Website) -> Iterator[Served]:
    """Serve it on a port of its own, with the newsletter beside it."""
    tools = website.installation.tools
    server = Served(build_app([service_mount(name, tools[name]) for name in ("intake", "newsletter")], limits=None))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def staff(website: Website, served: Served) -> Callable[[str], Visitor]:
    """Return what signs a trial account in at a console in front of that intake."""
    environ = {"DISCREET_MODE": "trial", "DISCREET_HOME": str(website.installation.home)}
    settings = Settings.from_environ({**environ, "DISCREET_SERVICE_URL": served.url})
    passwords = dict(ensure_trial_accounts(settings))
    app = create_app(settings)

    def sign_in(name: str) -> Visitor:
        visitor = Visitor(app.test_client())
        assert visitor.sign_in(name, passwords[name]).status_code == 303
        return visitor

    return sign_in


def test_p52_the_link_in_the_mail_leads_to_the_form_as_it_was_sent(website, staff) -> None:
    """Word for word, and as text only; from the list too."""
    [mail] = website.mails()
    path = re.search(r"http\S+?(/console/forms/\S+)", mail.text)[1]
    visitor = staff("front-desk")
    page = visitor.get(path).text
    assert "Regel 1\n\tregel 2\n&lt;script&gt;alert(1)&lt;/script&gt;</p>" in page
    assert "Zoë" in page
    assert "anna@voorbeeld.example" in page
    listed = visitor.get("/console/forms").text
    assert f'href="{path}"' in listed
    assert "Zoë" not in listed


def test_p53_who_may_not_read_forms_is_not_offered_them_and_gets_none(website, staff) -> None:
    """The intake decides; the page only hides."""
    visitor = staff("fg")
    form = website.rows()[0].id
    assert "/console/forms" not in visitor.get("/console/").text
    assert visitor.get(f"/console/forms/{form}").status_code == 403
    assert visitor.get("/console/forms").status_code == 403


def test_a_form_is_dealt_with_by_whom_and_when(website, staff) -> None:
    """And then no button asks for it again."""
    form = website.rows()[0].id
    visitor = staff("privacy-coordinator")
    done = visitor.post(f"/console/forms/{form}/handled", seen_on=f"/console/forms/{form}")
    assert (done.status_code, done.headers["Location"]) == (303, f"/console/forms/{form}")
    page = visitor.get(f"/console/forms/{form}").text
    assert "privacy-coordinator" in page
    assert "/handled" not in page
    assert website.rows()[0].handled_by == "privacy-coordinator"


def test_a_form_that_is_gone_says_why(staff) -> None:
    """People follow the links of old mails."""
    answer = staff("front-desk").get("/console/forms/11111111-2222-4333-8444-555555555555")
    assert answer.status_code == 404
    assert "na hun bewaartermijn gewist" in answer.text


def test_p4_who_looks_after_the_websites_sees_why_forms_fail_and_nothing_of_what_was_in_them(website, staff) -> None:
    """The reason in words, the fields by their names; whoever has nothing to do with it gets no such page."""
    website.client.post("/intake/v1/contact-forms", json={"name": "Zoë Geheim", "bsn": "123456782"})
    website.send(website="https://spam.example", message=MESSAGE)
    page = staff("privacy-coordinator").get("/console/websites").text
    assert all(f"<code>{name}</code>" in page for name in ("bsn", "email", "message"))
    assert "Aangenomen en apart gezet: een veld was ingevuld dat mensen niet zien" in page
    assert not any(word in page for word in ("Geheim", "123456782", "regel 2"))
    assert staff("fg").get("/console/websites").status_code == 403
    listing = CliRunner().invoke(form_attempts, obj=lambda: website.installation.settings)
    assert "invalid-input" in listing.output
    assert "bsn, email, message" in listing.output


def test_an_intake_that_is_down_is_named(served, staff) -> None:
    """And nothing else of the console goes down with it."""
    visitor = staff("front-desk")
    served.stop()
    answer = visitor.get("/console/forms")
    assert answer.status_code == 503
    assert "Contactformulieren is nu niet te bereiken" in answer.text
