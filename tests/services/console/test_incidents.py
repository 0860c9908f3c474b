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


def test_p91_who_has_no_part_in_incidents_is_not_offered_them(staff) -> None:
    """The services decide; the page only hides."""
    visitor = staff("front-desk")
    assert "/console/incidents" not in visitor.get("/console/").text
    assert visitor.get("/console/incidents").status_code == 403
