"""Answering a contact form in the console, in front of the real intake and dossier."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from services.console.accounts import ensure_trial_accounts
from services.console.app import create_app
from shared.clock import system_clock
from shared.mail.tables import PARKED, RETURNED, outgoing_mails
from shared.settings import Settings
from tests.services.console.conftest import Visitor
from tests.services.console.fake_requests import Served
from tests.services.house import FORM, open_house

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a clinic on the time of the console."""
    with open_house(tmp_path) as made:
        made.clock.now = system_clock()
        yield made


@pytest.fixture
def served(house: House) -> Iterator[Served]:
    """Serve it on a port of its own."""
    server = Served(house.client.application)
    yield server
    server.stop()


@pytest.fixture
def desk(house: House, served: Served) -> Visitor:
    """Sign in at the desk, at a console in front of it."""
    environ = {"DISCREET_MODE": "trial", "DISCREET_HOME": str(house.installation.home)}
    settings = Settings.from_environ({**environ, "DISCREET_SERVICE_URL": served.url})
    passwords = dict(ensure_trial_accounts(settings))
    visitor = Visitor(create_app(settings).test_client())
    assert visitor.sign_in("front-desk", passwords["front-desk"]).status_code == 303
    return visitor


def test_an_answer_is_written_sent_and_shown_and_somebody_says_whose_it_is(house, desk) -> None:
    """Who has the address in the dossier is offered, and nobody chosen beforehand; a mistake keeps what was typed."""
    form, client = (
        house.form(),
        house.post("/dossier/v1/clients", {"name": "Anna J.", "email": FORM["email"]}, "front-desk"),
    )
    page = f"/console/forms/{form}"
    assert f'href="{page}/answer"' in desk.get(page).text
    writing = desk.get(f"{page}/answer").text
    assert re.search(r'<select id="client".*?<option value="">', writing, re.DOTALL)
    assert f'<option value="{client.json["id"]}">Anna J.</option>' in writing
    refused = desk.post(f"{page}/answer", message=" ", client=client.json["id"])
    assert (refused.status_code, f'value="{client.json["id"]}" selected' in refused.text) == (422, True)
    sent = desk.post(f"{page}/answer", message="Dinsdag kan.\n<b>Tot dan</b>", client=client.json["id"])
    assert (sent.status_code, sent.headers["Location"]) == (303, page)
    house.installation.settle()
    house.mails()
    shown = desk.get(page).text
    assert "&lt;b&gt;Tot dan&lt;/b&gt;" in shown
    assert "verzonden" in shown
    history = house.get(f"/dossier/v1/clients/{client.json['id']}/contacts", "front-desk").json["items"]
    assert [each["noted_by"] for each in history] == ["front-desk"]


def test_mail_that_nobody_took_is_listed_and_a_service_that_is_down_is_named(house, served, desk) -> None:
    """With the way to what it was about, and two buttons; what cannot be asked is never taken for nothing."""
    form = house.form()
    answer = house.post(f"/intake/v1/contact-forms/{form}/answers", {"message": "Dag."}, "front-desk").json["id"]
    with house.intake.database.transaction() as session:
        ours = sa.update(outgoing_mails).where(outgoing_mails.c.mail == answer)
        session.execute(ours.values(state=PARKED, problem="The mail server refused it for good: 550."))
    path = "/console/refused-mails"
    page = desk.get(path).text
    assert f'href="/console/forms/{form}"' in page
    assert "550" in page
    assert "Nu niet te bereiken" not in page
    assert f"{path}/intake/{answer}/retry" in page
    with house.intake.database.transaction() as session:
        session.execute(ours.values(state=RETURNED, sealed=None, key_id=None))
    assert f"{path}/intake/{answer}/retry" not in desk.get(path).text
    assert "onbestelbaar teruggekomen" in desk.get(f"/console/forms/{form}").text
    done = desk.post(f"{path}/intake/{answer}/letting-go", seen_on=path)
    assert (done.status_code, done.headers["Location"]) == (303, path)
    assert form not in desk.get(path).text
    assert "Alle mail is aangenomen" in desk.get(path).text
    served.stop()
    gone = desk.get(path)
    assert (gone.status_code, "Alle mail is aangenomen" in gone.text) == (200, False)
    assert "Nu niet te bereiken: Nieuwsbrief" in gone.text
