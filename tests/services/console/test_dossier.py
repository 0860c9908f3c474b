"""Records of the dossier in the console, in front of the real dossier: people confirm what references found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from services.console.accounts import ensure_trial_accounts
from services.console.app import create_app
from shared.clock import system_clock
from shared.settings import Settings
from tests.services.console.conftest import Visitor
from tests.services.console.fake_requests import CASE, Served, assessed
from tests.services.dossier.practice import ANNA, BERT, practice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.services.dossier.practice import Practice

SAME = {"email": ANNA["email"], "phone": ANNA["phone"]}


@pytest.fixture(scope="module")
def dossier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    """Give a real dossier."""
    with practice(tmp_path_factory.mktemp("home")) as found:
        found.clock.now = system_clock()
        yield found


@pytest.fixture(scope="module")
def served(dossier: Practice) -> Iterator[Served]:
    """Serve it on a port of its own."""
    server = Served(dossier.http.application)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def staff(dossier: Practice, served: Served) -> Callable[[str], Visitor]:
    """Return what signs a trial account in at a console in front of that dossier."""
    environ = {"DISCREET_MODE": "trial", "DISCREET_HOME": str(dossier.installation.home)}
    settings = Settings.from_environ({**environ, "DISCREET_SERVICE_URL": served.url})
    passwords = dict(ensure_trial_accounts(settings))
    app = create_app(settings)

    def sign_in(name: str) -> Visitor:
        visitor = Visitor(app.test_client())
        assert visitor.sign_in(name, passwords[name]).status_code == 303
        return visitor

    return sign_in


def test_two_who_share_an_address_can_be_told_apart(dossier, staff) -> None:
    """Their record numbers say nothing; who they are is a page away, for who decides."""
    anna, bert = dossier.client(), dossier.client(BERT | SAME)
    visitor = staff("privacy-coordinator")
    pages = [visitor.get(f"/console/dossier/clients/{each}").text for each in (anna, bert)]
    assert ["Jansen-de Vries" in page for page in pages] == [True, False]
    assert ["Bert Bakker" in page for page in pages] == [False, True]
    assert "14 feb 1980" in pages[0]
    assert "Dorpsstraat 1, 1234 AB, Utrecht" in pages[0]


def test_an_invoice_and_a_contact_lead_to_their_client(dossier, staff) -> None:
    """And say until when the law wants an invoice."""
    client = dossier.client()
    invoice, contact = dossier.invoice(client), dossier.contact(client, note="Belde <b>terug</b>.")
    visitor = staff("privacy-coordinator")
    page = visitor.get(f"/console/dossier/invoices/{invoice}").text
    assert "Consult" in page
    assert "€ 121,00" in page
    assert f"31 dec {dossier.clock().year + 7}" in page
    assert f'href="/console/dossier/clients/{client}"' in page
    page = visitor.get(f"/console/dossier/contacts/{contact}").text
    assert "Belde &lt;b&gt;terug&lt;/b&gt;." in page
    assert f'href="/console/dossier/clients/{client}"' in page


def test_what_was_erased_says_so(dossier, staff) -> None:
    """Its number can still stand in a request."""
    client = dossier.client()
    dossier.decide(clients=[client])
    dossier.settle()
    assert staff("privacy-coordinator").get(f"/console/dossier/clients/{client}").status_code == 410


def test_p41_who_may_not_read_clients_gets_none(dossier, staff) -> None:
    """The dossier decides; the page only hides."""
    client = dossier.client()
    assert staff("fg").get(f"/console/dossier/clients/{client}").status_code == 403


def test_each_record_that_was_found_can_be_looked_at(fake, signed_in) -> None:
    """In a window of its own, so that what was chosen so far stays."""
    fake.cases = [assessed()]
    page = signed_in("privacy-coordinator").get(f"/console/requests/{CASE}").text
    for candidate in fake.cases[0]["inquiry"]["candidates"]:
        where = "forms" if candidate["service"] == "intake" else f"dossier/{candidate['category']}"
        assert f'<a href="/console/{where}/{candidate["id"]}" target="_blank" rel="noopener">' in page


def test_a_dossier_that_is_down_is_named(served, staff) -> None:
    """And nothing else of the console goes down with it."""
    visitor = staff("privacy-coordinator")
    served.stop()
    answer = visitor.get("/console/dossier/clients/11111111-2222-4333-8444-555555555555")
    assert answer.status_code == 503
    assert "Dossier is nu niet te bereiken" in answer.text
