"""Mails that come back after they were sent: shown to staff by the service that sent them, whoever that was."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from services.intake.returns.jobs import read_returned
from services.intake.returns.records import read_folders
from shared.clock import system_clock
from shared.mail import send_due
from shared.messaging.tables import outbox
from tests.servers.mail import MailServer
from tests.services.house import FORMS, open_house
from tests.shared.mail.test_looking import mail_host
from tests.shared.mail.test_undelivered import report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.services.house import House

SIGN_UPS = "/newsletter/v1/subscriptions"
FAILED = "Final-Recipient: rfc822; {to}\nAction: failed\nStatus: {status}"
HEADERS_ONLY = ("message/delivery-status", "text/rfc822-headers")


@contextmanager
def open_clinic(home, dovecot, owner, environ=(), **changed) -> Iterator[tuple[House, MailServer]]:
    """Give a clinic that can look into this mailbox, and the server that takes its mail."""
    (home / "register").mkdir()
    register = mail_host(home / "register", dovecot, owner, **changed)
    with MailServer() as server:
        sent_by = {"DISCREET_SMTP_URL": f"smtp://127.0.0.1:{server.port}", "DISCREET_PROCESSORS": str(register)}
        with open_house(home, {**sent_by, **dict(environ)}) as house:
            house.clock.now = system_clock()  # by which the mail host dates what it gets
            yield house, server


def sent_to(house: House, server: MailServer, address: str) -> bytes:
    """Send what waits; return the last mail to this address as it left."""
    for tools in house.installation.tools.values():
        while send_due(tools, house.clock()):
            pass
    return [mail.content for mail in server.received if mail.recipients == [address]][-1]


def came_back(mail: bytes, status: str = "5.1.1", to: str = "anna@voorbeeld.example", **shape: object) -> bytes:
    """Return what a server reports of a mail."""
    return report(FAILED.format(to=to, status=status), mail.decode().replace("\r\n", "\n"), **shape)


def read(house: House) -> None:
    """Have the mailbox read, and what follows come to rest."""
    read_returned(house.intake, house.clock())
    house.installation.settle()


def listed(house: House, service: str) -> list[dict]:
    """The mails that nobody got, as staff see them."""
    return house.get(f"/{service}/v1/refused-mails", "front-desk").json["items"]


def subscribed(house: House, email: str) -> list[str]:
    """How far the sign-ups of an address are."""
    found = house.post(f"{SIGN_UPS}/search", {"email": email}, "fg")
    return [each["state"] for each in found.json["items"]]


@pytest.mark.parametrize("on", ["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("servers"))])
def test_a_mail_that_comes_back_is_shown_with_its_status_and_nobody_in_it(
    request, tmp_path, dovecot, caplog, on
) -> None:
    """At the form and in the list, from wherever the report was moved to; it is left as it was, and read once."""
    environ = request.getfixturevalue("postgres_environ")() if on == "postgresql" else {}
    owner = dovecot.owner()
    with (
        open_clinic(tmp_path, dovecot, owner, environ) as (house, server),
        caplog.at_level(logging.INFO),
    ):
        form, other = house.form(), house.form(email="bert@voorbeeld.example")
        for each in (form, other):
            house.post(f"{FORMS}/{each}/answers", {"message": "Dinsdag kan."}, "front-desk")
        back = came_back(sent_to(house, server, "Anna@voorbeeld.example"))
        delayed = sent_to(house, server, "bert@voorbeeld.example").decode().replace("\r\n", "\n")
        owner.receive(report("Action: delayed\nStatus: 4.4.1", delayed), came_back(b"Subject: anders\r\n\r\n"))
        owner.receive(back, folder="Ongewenst/Anna Jansen")
        read(house)
        [answer] = house.get(f"{FORMS}/{form}", "front-desk").json["answers"]
        problem = "It was sent, and came back undelivered: 5.1.1."
        assert answer["mail"] == {"state": "returned", "problem": problem}
        assert house.get(f"{FORMS}/{other}", "front-desk").json["answers"][0]["mail"]["state"] == "sent"
        [mail] = listed(house, "intake")
        assert (mail["id"], mail["about"], mail["problem"], mail["sendable"]) == (answer["id"], form, problem, False)
        path = f"/intake/v1/refused-mails/{mail['id']}"
        assert house.post(f"{path}/retry", {}, "front-desk").status_code == 409
        assert house.post(f"{path}/letting-go", {}, "front-desk").status_code == 200
        house.clock.forward(minutes=5)
        read(house)
        assert listed(house, "intake") == []
        assert owner.has() == {"INBOX": 2, "Ongewenst/Anna Jansen": 1, "Virtual/All": 3}
        assert not any(b"\\Seen" in flags for flags in owner.flags())
        with house.intake.database.reading() as session:
            events = [body for body in session.scalars(sa.select(outbox.c.body)) if "mail-returned" in body]
            kept = str(session.execute(sa.select(read_folders)).all())
        assert len(events) == 1
        logged = "".join(f"{each.getMessage()} {vars(each)}" for each in caplog.records if each.name != "mail.log")
        said = (logged + events[0] + kept).lower()
        assert not any(word in said for word in ("anna", "jansen", "dinsdag", "ongewenst", "voorbeeld"))


def test_p36_a_sign_up_that_cannot_be_mailed_for_good_ends_and_any_other_waits(tmp_path, dovecot) -> None:
    """A full mailbox may be emptied; one that was asked once more after the first mail came back has a new mail."""
    owner = dovecot.owner()
    with open_clinic(tmp_path, dovecot, owner) as (house, server):
        mails = {}
        for name in ("gone", "full", "again", "confirmed"):
            house.client.post(SIGN_UPS, json={"first_name": "Anna", "email": f"{name}@voorbeeld.example"})
            mails[name] = sent_to(house, server, f"{name}@voorbeeld.example")
        house.clock.forward(hours=2)
        house.client.post(SIGN_UPS, json={"first_name": "Anna", "email": "again@voorbeeld.example"})
        assert sent_to(house, server, "again@voorbeeld.example") != mails["again"]
        confirm = mails["confirmed"].decode().replace("=\r\n", "").split("/newsletter/confirm/")[1].split("?")[0]
        assert house.client.post(f"/newsletter/confirm/{confirm}").status_code == 200
        statuses = {"gone": "5.1.1", "full": "4.2.2", "again": "5.1.1", "confirmed": "5.1.1"}
        shape = {"types": HEADERS_ONLY}
        owner.receive(*(came_back(mails[name], status, **shape) for name, status in statuses.items()))
        read(house)
        assert {name: subscribed(house, f"{name}@voorbeeld.example") for name in mails} == {
            "gone": [],
            "full": ["pending"],
            "again": ["pending"],
            "confirmed": ["confirmed"],
        }
        assert [mail["problem"][-6:-1] for mail in listed(house, "newsletter")].count("5.1.1") == 3
        assert listed(house, "intake") == []


def test_while_the_mail_host_is_away_nothing_is_lost(tmp_path, dovecot, caplog) -> None:
    """It is said once in the log, and read as soon as the host is there."""
    owner = dovecot.owner()
    with open_clinic(tmp_path, dovecot, owner, port=1) as (house, _):
        read(house)
    [said] = [each.fields for each in caplog.records if each.getMessage() == "a mailbox cannot be looked into"]
    assert said == {"processor": "mail-host", "because": "No connection to the mail host, or it broke off."}
