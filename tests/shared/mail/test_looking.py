"""Before a mail goes again because nobody knows whether it arrived, the mailbox it went to is looked into."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import yaml

from shared.mail.looking import LOOKS_FOR, SETTLES
from shared.mail.sending import LEASE
from shared.mail.smtp import SmtpTransport
from shared.propagation.register import Register
from tests.servers.mail import MailServer

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.dovecot import Dovecot, Owner
    from tests.shared.mail.conftest import Office

HOST = {
    "name": "Mailhuis",
    "role": "mail-host",
    "owner": "intake",
    "status": "active",
    "adapter": "imap",
    "receives": [{"category": "contact-forms", "fields": ["name", "email", "message"]}],
    "decisions": ["erasure", "term-end", "correction", "restriction"],
    "always": False,
    "agreement": None,
    "country": "NL",
    "transfer_ground": "none",
    "contact": {"name": "M. Mailhuis", "email": "privacy@mailhuis.example"},
    "answer_within": "P7D",
}


def mail_host(folder: Path, dovecot: Dovecot, owner: Owner, **changed: object) -> Path:
    """Write a register with a mail host whose mailbox this is; return its path."""
    settings = dovecot.settings(owner) | changed
    for name in ("password", "authority"):
        (folder / name).write_text(str(settings.pop(name)), encoding="utf-8")
        settings[f"{name}_file"] = name
    path = folder / "processors.yaml"
    path.write_text(yaml.safe_dump({"processors": {"mail-host": HOST | {"settings": settings}}}), encoding="utf-8")
    return path


def watch(office: Office, register: Path, server: MailServer) -> None:
    """Let an office send by this server, and look into the mailbox of this register."""
    office.tools = replace(office.tools, register=Register.load(register))
    office.use(SmtpTransport.from_url(f"smtp://127.0.0.1:{server.port}", trial=True))


def forms_address(office: Office) -> str:
    """Return where forms go."""
    return office.tools.policy.clinic.forms


def wait(office: Office, span=SETTLES) -> None:
    """Let time pass, and send what is due then."""
    office.clock.now += span
    office.send_all()


def test_p52_a_mail_that_lies_in_the_mailbox_is_not_sent_again(either_office, tmp_path, dovecot) -> None:
    """The server took it and broke off before it said so; it is counted as delivered, and its content goes."""
    owner = dovecot.owner()
    with MailServer(drops=1) as server:
        watch(either_office, mail_host(tmp_path, dovecot, owner), server)
        either_office.queue(to=forms_address(either_office))
        either_office.send_all()
        owner.receive(server.received[0].content, folder="Gelezen")
        wait(either_office, SETTLES / 2)
        assert either_office.row()["state"] == "waiting"  # it may have a moment to get there
        wait(either_office)
        wait(either_office)
    assert len(server.received) == 1
    row = either_office.row()
    assert (row["state"], row["sealed"], row["problem"]) == ("sent", None, None)


def test_p52_one_that_is_not_there_is_sent_again(office, tmp_path, dovecot) -> None:
    """And so is a mail to anybody else, into whose mailbox nobody looks."""
    owner = dovecot.owner()
    with MailServer(drops=2) as server:
        watch(office, mail_host(tmp_path, dovecot, owner), server)
        office.queue(to=forms_address(office))
        office.send_all()
        office.queue()
        office.send_all()
        owner.receive(server.received[1].content)
        wait(office)
    assert [received.recipients for received in server.received[2:]] == [
        [forms_address(office)],
        ["anna@people.example"],
    ]


def test_a_mail_whose_sender_died_is_looked_for_before_it_goes_again(office, tmp_path, dovecot) -> None:
    """And one that was never handed over, or was turned away, is not."""
    owner = dovecot.owner()
    with MailServer(replies=["451 later"]) as server:
        watch(office, mail_host(tmp_path, dovecot, owner, port=1), server)  # whoever looks finds nobody
        office.queue(to=forms_address(office))
        office.send_all()
        wait(office, LEASE)
        assert (len(server.received), office.row()["state"]) == (1, "sent")
        watch(office, mail_host(tmp_path, dovecot, owner), server)
        died = office.queue(to=forms_address(office), about="form-2")
        with pytest.raises(_KilledError):
            _send_and_die(office)
        owner.receive(server.received[1].content)
        wait(office, LEASE)
    assert died.encode() in server.received[1].content
    assert len(server.received) == 2
    assert {row["state"] for row in office.rows()} == {"sent"}


def test_while_nobody_can_look_the_mail_waits_and_after_an_hour_it_goes(office, tmp_path, dovecot) -> None:
    """A double is better than a form that nobody reads; a wrong password does not set it aside either."""
    with MailServer(drops=1) as server:
        register = mail_host(tmp_path, dovecot, dovecot.owner(), password="fout-wachtwoord")
        watch(office, register, server)
        office.queue(to=forms_address(office))
        office.send_all()
        wait(office)
        assert len(server.received) == 1
        row = office.row()
        assert (row["state"], row["problem"]) == ("waiting", "The mailbox it went to cannot be looked into.")
        wait(office, LOOKS_FOR)
    assert len(server.received) == 2
    assert office.row()["state"] == "sent"


class _KilledError(Exception):
    """Stands for a process that dies on the spot."""


def _send_and_die(office: Office) -> None:
    """Hand over what is due, and do not live to note it."""
    sending = office.tools.mail.transport

    class Dying:
        def connected(self):
            return _Dying(sending.connected())

    office.use(Dying())
    try:
        office.send_all()
    finally:
        office.use(sending)


class _Dying:
    def __init__(self, connected) -> None:
        self._connected = connected

    def __enter__(self):
        deliver = self._connected.__enter__()

        def deliver_and_die(mail) -> None:
            deliver(mail)
            raise _KilledError

        return deliver_and_die

    def __exit__(self, *error: object) -> None:
        self._connected.__exit__(None, None, None)
