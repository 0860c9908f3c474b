"""Incidents in the console, in front of the real intake and requests service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from services.console.accounts import ensure_trial_accounts
from services.console.app import create_app
from shared.clock import system_clock
from shared.settings import Settings
from tests.services.console.conftest import Visitor
from tests.services.console.fake_requests import Served
from tests.services.house import CLOSING, open_house

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.services.house import House


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Give a clinic to which something was reported."""
    with open_house(tmp_path_factory.mktemp("home")) as made:
        made.clock.now = system_clock()
        made.report(message="Regel 1\n<script>alert(1)</script>")
        yield made


@pytest.fixture(scope="module")
def staff(house: House) -> Iterator[Callable[[str], Visitor]]:
    """Return what signs a trial account in at a console in front of it."""
    served = Served(house.client.application)
    environ = {"DISCREET_MODE": "trial", "DISCREET_HOME": str(house.installation.home)}
    settings = Settings.from_environ({**environ, "DISCREET_SERVICE_URL": served.url})
    passwords = dict(ensure_trial_accounts(settings))
    app = create_app(settings)

    def sign_in(name: str) -> Visitor:
        visitor = Visitor(app.test_client())
        assert visitor.sign_in(name, passwords[name]).status_code == 303
        return visitor

    yield sign_in
    served.stop()


def test_p91_from_the_mail_to_the_report_and_to_its_end(house, staff) -> None:
    """What was reported as text only; an empty form is shown again with why; closed, the page says who and what."""
    [mail] = house.mails()
    path = re.search(r"http\S+?(/console/incidents/\S+)", mail.text)[1]
    visitor, overseer = staff("privacy-coordinator"), staff("fg")
    assert f'href="{path}"' in visitor.get("/console/incidents").text
    page = visitor.get(path).text
    assert "Regel 1\n&lt;script&gt;alert(1)&lt;/script&gt;</p>" in page
    assert "Wim" in page
    refused = visitor.post(f"{path}/closure", seen_on=path, found="weakness", measures="")
    assert (refused.status_code, 'value="weakness" selected' in refused.text) == (422, True)
    done = visitor.post(f"{path}/closure", seen_on=path, **CLOSING)
    assert (done.status_code, done.headers["Location"]) == (303, path)
    for reader, reads in ((visitor, True), (overseer, False)):
        page = reader.get(path).text
        assert CLOSING["measures"] in page
        assert "/closure" not in page
        assert ("Regel 1" in page) == reads
    assert path not in visitor.get("/console/incidents").text
    assert path in visitor.get("/console/incidents?closed=1").text


def test_p98_whoever_finds_a_breach_enters_it_and_who_deals_with_it_reads_it(house, staff) -> None:
    """By the clinic's clock; a mistake keeps what was typed; who has no other part in it is told its reference."""
    desk, dealing = staff("front-desk"), staff("privacy-coordinator")
    new, typed = "/console/incidents/new", {"facts": "Map met <b>formulieren</b> verloren."}
    assert f'href="{new}"' in desk.get("/console/").text
    assert f'href="{new}"' in dealing.get("/console/incidents").text
    for wrong in ("", "gisteren", "2999-01-01T00:00", "0001-01-01T00:00+14:00"):
        refused = desk.post("/console/incidents", seen_on=new, known_at=wrong, **typed)
        assert (refused.status_code, "&lt;b&gt;formulieren&lt;/b&gt;" in refused.text) == (422, True)
    done = desk.post("/console/incidents", seen_on=new, known_at="2026-07-01T12:00", **typed)
    [incident] = [each for each in house.incidents() if each["entered_by"]]
    assert (incident["received_at"], incident["entered_by"]) == ("2026-07-01T10:00:00.000000Z", "front-desk")
    assert (done.status_code, incident["reference"] in done.text) == (200, True)
    page = dealing.get(f"/console/incidents/{incident['id']}").text
    assert all(each in page for each in ("&lt;b&gt;formulieren&lt;/b&gt;", "Ingevoerd", "/closure"))
    assert "De melding zelf is gewist" not in page
    own = dealing.post("/console/incidents", seen_on=new, known_at="2026-07-01T12:00", **typed)
    assert (own.status_code, own.headers["Location"].startswith("/console/incidents/")) == (303, True)


def test_p91_who_has_no_part_in_incidents_is_not_offered_them(staff) -> None:
    """The services decide; the page only hides."""
    visitor = staff("front-desk")
    assert 'href="/console/incidents"' not in visitor.get("/console/").text
    assert visitor.get("/console/incidents").status_code == 403
