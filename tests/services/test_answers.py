"""Answers to contact forms: mailed, kept with the form, in the history of a client, and gone with the form."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from shared.events import ContactFormAnswered
from shared.mail import outgoing_mails, send_due
from shared.messaging.tables import outbox
from tests.servers.mail import MailServer
from tests.services.house import FORM, FORMS, open_house

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.services.house import House

ANSWER = "Dag Anna,\n\nDinsdag kan om tien uur.\n\nMarije\n"
REFUSED = "/intake/v1/refused-mails"
CLIENTS = "/dossier/v1/clients"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Give a clinic on SQLite."""
    with open_house(tmp_path) as made:
        yield made


def answered(house: House, form: str, client: str | None = None) -> str:
    """Answer a form, and let what follows come to rest; return the answer's id."""
    made = house.post(f"{FORMS}/{form}/answers", {"message": ANSWER, "client": client}, "front-desk")
    assert made.status_code == 201, made.json
    house.installation.settle()
    return made.json["id"]


def client_of(house: House) -> str:
    """Take the sender up as a client; return the id."""
    return house.post(CLIENTS, {"name": FORM["name"], "email": FORM["email"]}, "front-desk").json["id"]


def contacts(house: House, client: str) -> list[dict]:
    """The contact history of a client."""
    return house.get(f"{CLIENTS}/{client}/contacts", "front-desk").json["items"]


def form_keys(house: House) -> list[str]:
    """The data keys of forms and answers."""
    with house.intake.database.reading() as session:
        tables = (sa.table(name, sa.column("key_id")) for name in ("contact_forms", "form_answers"))
        return [key for table in tables for key in session.scalars(sa.select(table.c.key_id))]


@pytest.mark.parametrize("on", ["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("servers"))])
def test_an_answer_is_mailed_kept_with_the_form_and_gone_with_it(request, tmp_path, caplog, on) -> None:
    """Word for word, without what the form said; who replies to it reaches people (P58). Nobody is in log or event."""
    environ = request.getfixturevalue("postgres_environ")() if on == "postgresql" else {}
    with open_house(tmp_path, environ) as house, caplog.at_level(logging.INFO):
        form, other, client = house.form(), house.form(), client_of(house)
        answer = answered(house, form, client)
        answered(house, other)
        reference = house.get(f"{FORMS}/{form}", "front-desk").json["reference"]
        [mail] = [each for each in house.mails() if each.subject.endswith(f"Antwoord op je bericht {reference}")]
        assert mail.to.lower() == FORM["email"].lower()
        assert ANSWER.rstrip() in mail.text.replace("\r\n", "\n")
        assert FORM["message"] not in mail.text
        assert dict(mail.headers)["Reply-To"] == house.intake.policy.clinic.contact
        shown = house.get(f"{FORMS}/{form}", "front-desk").json
        assert shown["answers"] == [
            {
                "id": answer,
                "answered_at": "2026-11-02T09:00:00.000000Z",
                "answered_by": "m.devries",
                "message": ANSWER,
                "mail": {"state": "sent", "problem": None},
            }
        ]
        assert shown["handled_by"] == "m.devries"
        [contact] = contacts(house, client)
        assert (contact["id"], contact["channel"], contact["noted_by"]) == (answer, "e-mail", "m.devries")
        assert reference in contact["note"]
        assert "Dinsdag" not in contact["note"]
        with house.intake.database.reading() as session:
            said = caplog.text + "".join(session.scalars(sa.select(outbox.c.body)))
        assert not any(word in said for word in ("Dinsdag", "Marije", "Anna", "lippen"))
        keys = form_keys(house)
        house.erase("intake", "contact-forms", form)
        assert house.get(f"{FORMS}/{form}", "front-desk").status_code == 410
        assert house.post(f"{FORMS}/{form}/answers", {"message": ANSWER}, "front-desk").status_code == 410
        left = form_keys(house)
        assert (len(keys), len(left)) == (4, 2)
        assert house.intake.vault.surviving(keys) == set(left)
        assert house.get(f"{FORMS}/{other}", "front-desk").json["answers"][0]["message"] == ANSWER


def test_an_answer_that_is_not_sent_yet_goes_with_its_form(house) -> None:
    """A mail server that is down answers nobody who was erased since."""
    form = house.form()
    answered(house, form)
    house.erase("intake", "contact-forms", form)
    assert not [each for each in house.mails() if each.to.lower() == FORM["email"].lower()]


def test_p13_what_was_erased_is_not_noted_anew_and_nobody_is_guessed(house) -> None:
    """An answer that is told again, or of a client who is gone or was never there, goes into nobody's history."""
    form, client = house.form(), client_of(house)
    answer = answered(house, form, client)
    house.erase("dossier", "contacts", answer)
    about = {"form": form, "reference": "F-AGAIN", "answer": answer, "client": client}
    with house.intake.database.transaction() as session:
        again = ContactFormAnswered(**about, answered_by="m.devries", answered_at=house.clock())
        house.intake.outbox.publish(session, again, now=house.clock())
    house.installation.settle()
    assert contacts(house, client) == []
    answered(house, form)  # the address alone says nothing
    answered(house, form, str(uuid.uuid4()))
    house.erase("dossier", "clients", client)
    answered(house, form, client)
    with house.installation.tools["dossier"].database.reading() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM contacts")) == 0
        assert session.scalar(sa.text("SELECT count(*) FROM inbox WHERE state <> 'applied'")) == 0


def test_what_cannot_be_answered_is_refused_and_changes_nothing(house) -> None:
    """A form in quarantine, a client who is no id, an empty answer, another role."""
    form, quarantined = house.form(), house.form(website="https://spam.example")
    answers = f"{FORMS}/{form}/answers"
    assert house.post(f"{FORMS}/{quarantined}/answers", {"message": ANSWER}, "front-desk").status_code == 409
    assert house.post(answers, {"message": ANSWER}, "fg").status_code == 403
    assert house.post(f"{FORMS}/{uuid.uuid4()}/answers", {"message": ANSWER}, "front-desk").status_code == 404
    for fields, wrong in (({"message": " "}, "message"), ({"client": "Anna Jansen"}, "client"), ({"to": "a"}, "to")):
        refused = house.post(answers, {"message": ANSWER} | fields, "front-desk")
        assert (refused.status_code, list(refused.json["errors"])) == (422, [wrong])
    shown = house.get(f"{FORMS}/{form}", "front-desk").json
    assert (shown["answers"], shown["handled_at"]) == ([], None)
    first, again = (house.post(answers, {"message": ANSWER}, "front-desk", Idempotency_Key="one") for _ in range(2))
    assert (first.status_code, again.json) == (201, first.json)
    assert len(house.get(f"{FORMS}/{form}", "front-desk").json["answers"]) == 1


def test_a_form_that_is_being_erased_gets_no_answer(house) -> None:
    """What is added to it now, the decision would not know of."""
    form = house.form()
    house.decide("intake", "contact-forms", form)
    while house.installation.mover.move():
        pass
    house.installation.apply()
    assert house.post(f"{FORMS}/{form}/answers", {"message": ANSWER}, "front-desk").status_code == 409


def test_what_a_mail_server_refuses_is_seen_and_seen_to(tmp_path) -> None:
    """With its reply and no address: at the form, and in a list, from which it is sent again or let go of."""
    with (
        MailServer() as server,
        open_house(tmp_path, {"DISCREET_SMTP_URL": f"smtp://127.0.0.1:{server.port}"}) as house,
    ):
        forms = [house.form(), house.form()]
        sent(house)
        for form in forms:
            server.replies.append("550 no such user")
            answered(house, form)
            sent(house)
            house.clock.forward(minutes=1)
        [answer] = house.get(f"{FORMS}/{forms[0]}", "front-desk").json["answers"]
        assert answer["mail"] == {"state": "parked", "problem": "The mail server refused it for good: 550."}
        listed = house.get(REFUSED, "front-desk")
        assert [each["about"] for each in listed.json["items"]] == forms[::-1]
        assert not any(word in listed.text.lower() for word in ("anna", "dinsdag", "voorbeeld"))
        page = house.get(f"{REFUSED}?limit=1", "front-desk").json
        rest = house.get(f"{REFUSED}?limit=1&cursor={page['next']}", "front-desk").json
        assert [each["about"] for each in (*page["items"], *rest["items"])] == forms[::-1]
        latest, first = (each["id"] for each in listed.json["items"])
        before = len(server.received)
        assert house.post(f"{REFUSED}/{first}/retry", {}, "front-desk").status_code == 200
        sent(house)
        assert len(server.received) == before + 1
        key = mail_key(house, latest)
        assert house.post(f"{REFUSED}/{latest}/letting-go", {}, "front-desk").status_code == 200
        assert house.intake.vault.surviving([key]) == set()
        for mail in (latest, first, str(uuid.uuid4())):
            assert house.post(f"{REFUSED}/{mail}/retry", {}, "front-desk").status_code == 404
        assert house.get(REFUSED, "front-desk").json["items"] == []
        assert house.get(REFUSED, "physician").status_code == 403


def sent(house: House) -> None:
    """Let the intake send what is due."""
    while send_due(house.intake, house.clock()):
        pass


def mail_key(house: House, mail: str) -> str:
    """The data key of a mail."""
    with house.intake.database.reading() as session:
        return session.scalar(sa.select(outgoing_mails.c.key_id).where(outgoing_mails.c.mail == mail))
