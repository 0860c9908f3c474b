"""Sending over SMTP to a real server: over TLS or not at all, again until it is taken, and in effect once."""

from __future__ import annotations

import email
import email.policy
import logging
import threading
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.smtp import AuthResult

from shared.errors import ConfigurationError
from shared.mail import OutgoingMail
from shared.mail.sending import GIVES_UP_AFTER, LEASE, LONGEST_PAUSE
from shared.mail.smtp import SmtpTransport
from shared.messaging import parked
from tests.servers.mail import MailServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from email.message import EmailMessage

    from shared.mail.composing import ComposedMail
    from tests.servers.mail import Certificate, Received
    from tests.shared.mail.conftest import Office

MINUTE = timedelta(minutes=1)
SOME_ID = "5e4d6a30-1f51-4a47-8f8e-6a4b6f1f5d11"
LETTER = OutgoingMail(reason="legal", about="case-1", to="anna@people.example", subject="Brief", text="Beste\n")


def _secure(server: MailServer, certificate: Certificate, *, trial: bool = False) -> SmtpTransport:
    scheme = "smtps" if server.implicit else "smtp"
    return SmtpTransport.from_url(f"{scheme}://127.0.0.1:{server.port}", trial=trial, context=certificate.client())


def _parsed(received: Received) -> EmailMessage:
    return email.message_from_bytes(received.content, policy=email.policy.default)


@pytest.mark.parametrize("implicit", [False, True])
def test_p54_mail_goes_over_tls(office: Office, certificate: Certificate, implicit: bool) -> None:
    """By STARTTLS or from the first octet; the server gets the mail whole, and to the right address."""
    with MailServer(tls=certificate.server(), implicit=implicit) as server:
        office.use(_secure(server, certificate), "live")
        office.queue(text="Héél kort.\n")
        office.send_all()
    (received,) = server.received
    assert received.secure
    assert received.recipients == ["anna@people.example"]
    assert _parsed(received).get_content() == "Héél kort.\r\n"


def test_p54_a_server_without_tls_gets_nothing_and_the_mail_waits(office: Office, certificate: Certificate) -> None:
    """Somebody in between can take STARTTLS out of the conversation: there is no way down."""
    with MailServer() as server:
        office.use(_secure(server, certificate), "live")
        office.queue()
        office.send_all()
    assert server.received == []
    assert (office.row()["state"], office.row()["problem"]) == ("waiting", "The mail server offers no TLS.")


def test_p54_a_server_that_cannot_prove_its_name_gets_nothing(office: Office, certificate: Certificate) -> None:
    """A certificate nobody vouches for is no secure connection."""
    with MailServer(tls=certificate.server()) as server:
        office.use(SmtpTransport.from_url(f"smtp://127.0.0.1:{server.port}", trial=True), "live")
        office.queue()
        office.send_all()
    assert server.received == []
    assert office.row()["problem"] == "No secure connection to the mail server."


def test_a_trial_may_use_a_plain_server_on_this_machine_and_only_there() -> None:
    """Loopback in trial; never elsewhere, never in live."""
    urls = ["smtp://127.0.0.1:25", "smtp://localhost:25", "smtp://[::1]:25", "smtp://mail.example:25"]
    assert [SmtpTransport.from_url(url, trial=True).plain for url in urls] == [True, True, True, False]
    assert not any(SmtpTransport.from_url(url, trial=False).plain for url in urls)


def test_a_trial_sends_in_the_clear_to_this_machine(office: Office) -> None:
    """A mail catcher on a desk has no certificate."""
    with MailServer() as server:
        office.use(SmtpTransport.from_url(f"smtp://127.0.0.1:{server.port}", trial=True))
        office.queue()
        office.send_all()
    assert len(server.received) == 1


def test_the_password_of_the_mail_server_is_said_after_tls_only(office: Office, certificate: Certificate) -> None:
    """A server that asks for a password before it offers TLS does not get it."""
    passwords: list[bytes] = []

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: Any, data: Any) -> Any:
        passwords.append(data.password)
        return AuthResult(success=True)

    with MailServer(smtp={"authenticator": authenticate, "auth_require_tls": False}) as server:
        office.use(SmtpTransport.from_url(f"smtp://clinic:p%40ss@127.0.0.1:{server.port}", trial=False), "live")
        office.queue()
        office.send_all()
    assert passwords == []
    with MailServer(
        tls=certificate.server(), smtp={"authenticator": authenticate, "auth_required": True}, port=server.port
    ) as secure:
        office.use(
            SmtpTransport.from_url(
                f"smtp://clinic:p%40ss@127.0.0.1:{secure.port}", trial=False, context=certificate.client()
            ),
            "live",
        )
        office.clock.forward(minutes=10)
        office.send_all()
    assert passwords == [b"p@ss"]
    assert len(secure.received) == 1


def test_a_password_that_cannot_be_said_lets_the_mail_wait(office: Office, certificate: Certificate) -> None:
    """A letter that SMTP has no way to write is the installation's fault, and ends no loop."""
    with MailServer(tls=certificate.server(), smtp={"authenticator": lambda *_: AuthResult(success=True)}) as server:
        url = f"smtp://clinic:geheim%C3%A9@127.0.0.1:{server.port}"
        office.use(SmtpTransport.from_url(url, trial=False, context=certificate.client()), "live")
        office.queue()
        office.send_all()
    assert office.row()["state"] == "waiting"
    assert office.row()["problem"] == "The mail server takes no account or password with such letters."


@pytest.mark.parametrize(
    "url", ["http://mail.example", "smtp://", "smtp://host:port", "mail.example:25", "smtp://h/p?x"]
)
def test_an_address_of_a_mail_server_that_is_none_stops_the_start(url: str) -> None:
    """And the message does not repeat it: there may be a password in it."""
    with pytest.raises(ConfigurationError) as caught:
        SmtpTransport.from_url(url.replace("//", "//me:s3cr3t@"), trial=True)
    assert "s3cr3t" not in str(caught.value)


def test_p52_a_mail_arrives_once_when_the_server_was_down_for_an_hour(office: Office, certificate: Certificate) -> None:
    """Tried all the while without losing it; sent within ten minutes of the server's return, and not again."""
    server = MailServer(tls=certificate.server())
    office.use(_secure(server, certificate), "live")
    office.queue()
    for _ in range(60):
        office.send_all()
        office.clock.forward(minutes=1)
    assert office.row()["attempts"] > 5
    with server:
        for _ in range(60):
            office.send_all()
            office.clock.forward(minutes=1)
    assert len(server.received) == 1
    assert office.row()["sent_at"] <= office.row()["created_at"] + timedelta(hours=1) + LONGEST_PAUSE + MINUTE


def test_many_mails_that_wait_for_one_server_do_not_each_try_by_themselves(either_office: Office) -> None:
    """Without a connection all that are due wait together: one attempt, not a hundred."""
    transport = SmtpTransport.from_url(f"smtp://127.0.0.1:{MailServer().port}", trial=True)
    either_office.use(transport)
    for _ in range(5):
        either_office.queue()
    assert either_office.send()
    assert not either_office.send()
    assert sorted(row["attempts"] for row in either_office.rows()) == [0, 0, 0, 0, 1]


def test_what_is_sent_keeps_no_content_and_no_key(either_office: Office, certificate: Certificate) -> None:
    """The row says that a mail was sent and why; whom and what is gone for good."""
    with MailServer(tls=certificate.server()) as server:
        either_office.use(_secure(server, certificate), "live")
        either_office.queue()
        key = either_office.row()["key_id"]
        assert either_office.tools.vault.surviving([key]) == {key}
        either_office.send_all()
    row = either_office.row()
    assert (row["state"], row["sent_at"], row["sealed"], row["key_id"]) == ("sent", either_office.clock(), None, None)
    assert either_office.tools.vault.surviving([key]) == set()


def test_what_waits_is_sealed(office: Office) -> None:
    """Neither address nor text stands in the database file while the mail waits."""
    office.queue(to="marker-address@people.example", text="marker-text")
    database = office.tools.database.file
    assert database is not None
    stored = database.read_bytes() + database.with_name(f"{database.name}-wal").read_bytes()
    assert b"form-1" in stored
    assert b"marker" not in stored


def test_a_refusal_for_good_sets_the_mail_aside_at_once(
    office: Office, certificate: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    """With the server's code; neither the row nor the log says whose address it was."""
    with MailServer(tls=certificate.server(), replies=["550 no such user anna@people.example"]) as server:
        office.use(_secure(server, certificate), "live")
        office.queue()
        with caplog.at_level(logging.DEBUG):
            office.send_all()
        office.clock.forward(days=1)
        office.send_all()
    row = office.row()
    assert (row["state"], row["attempts"]) == ("parked", 1)
    assert row["problem"] == "The mail server refused it for good: 550."
    ours = [record for record in caplog.records if record.name.startswith("shared.")]
    assert ours
    assert "anna" not in str([record.__dict__ for record in ours])


def test_a_mail_set_aside_can_be_tried_again(office: Office, certificate: Certificate) -> None:
    """Once somebody has seen it on the list of what is parked, and put right what was wrong."""
    with MailServer(tls=certificate.server(), replies=["550 no"]) as server:
        office.use(_secure(server, certificate), "live")
        office.queue()
        office.send_all()
        with office.tools.database.transaction() as session:
            (row,) = parked.parked(session)
            assert (row.place, row.about, row.problem) == (
                "mail",
                "service",
                "The mail server refused it for good: 550.",
            )
            assert "sealed" not in parked.show(session, row.place, row.number)
            parked.retry(session, row.place, row.number, office.clock())
        office.send_all()
    assert len(server.received) == 1


def test_a_mail_that_comes_back_comes_without_what_it_said(office: Office, certificate: Certificate) -> None:
    """Where the server can be asked that; another is not asked what it does not know."""
    for reports in (True, False):
        with MailServer(tls=certificate.server(), reports=reports) as server:
            office.use(_secure(server, certificate), "live")
            office.queue()
            office.send_all()
        assert (len(server.received), server.asked) == (1, ["RET=HDRS"] if reports else [])


def test_a_refusal_for_now_is_tried_again(office: Office, certificate: Certificate) -> None:
    """Greylisting: the first attempt is turned away, a later one is taken."""
    with MailServer(tls=certificate.server(), replies=["451 later"]) as server:
        office.use(_secure(server, certificate), "live")
        office.queue()
        office.send_all()
        assert (office.row()["state"], server.received) == ("waiting", [])
        office.clock.forward(minutes=10)
        office.send_all()
    assert office.row()["state"] == "sent"
    assert len(server.received) == 1


def test_one_mail_that_is_refused_does_not_hold_up_the_next(office: Office, certificate: Certificate) -> None:
    """They share a connection, and nothing else."""
    with MailServer(tls=certificate.server(), replies=["550 no"]) as server:
        office.use(_secure(server, certificate), "live")
        office.queue(to="gone@people.example")
        office.clock.forward(seconds=1)
        office.queue(to="here@people.example")
        office.send_all()
    assert [received.recipients for received in server.received] == [["here@people.example"]]


def test_after_three_days_a_mail_is_set_aside(office: Office) -> None:
    """Somebody must look at it; nothing is dropped."""
    office.use(SmtpTransport.from_url(f"smtp://127.0.0.1:{MailServer().port}", trial=True))
    office.queue()
    office.send_all()
    assert office.row()["state"] == "waiting"
    office.clock.now += GIVES_UP_AFTER
    office.send_all()
    row = office.row()
    assert (row["state"], row["problem"]) == ("parked", "No connection to the mail server.")
    assert row["sealed"]


def test_a_mail_whose_fate_nobody_knows_is_sent_again_under_the_same_id(
    office: Office, certificate: Certificate
) -> None:
    """The server took it and broke off before it said so: at least once, recognisable as the same mail."""
    with MailServer(tls=certificate.server(), drops=1) as server:
        office.use(_secure(server, certificate), "live")
        mail_id = office.queue()
        office.send_all()
        office.clock.forward(minutes=10)
        office.send_all()
    first, second = (_parsed(received) for received in server.received)
    assert first["Message-ID"] == second["Message-ID"] == f"<{mail_id}@clinic.example>"
    assert first["Date"] == second["Date"]


def test_a_mail_whose_sender_died_is_sent_after_its_lease(office: Office) -> None:
    """Claimed and killed: nobody has it until the lease is over, then somebody else does."""
    died: list[str] = []
    office.use(_Way(lambda mail: _die(died, mail)))
    office.queue()
    with pytest.raises(_KilledError):
        office.send()
    sent: list[ComposedMail] = []
    office.use(_Way(sent.append))
    assert not office.send()
    office.clock.now += LEASE
    office.send_all()
    assert [mail.id for mail in sent] == died


def test_two_workers_at_once_send_every_mail_once(either_office: Office) -> None:
    """Claims keep them apart."""
    sent: list[ComposedMail] = []
    either_office.use(_Way(sent.append))
    expected = sorted(either_office.queue() for _ in range(20))
    workers = [threading.Thread(target=either_office.send_all) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(mail.id for mail in sent) == expected


def test_an_erasure_takes_back_what_was_not_sent(either_office: Office) -> None:
    """The mail about the record is never sent, its key is handed over to be destroyed, and others stay."""
    sent: list[ComposedMail] = []
    either_office.use(_Way(sent.append))
    either_office.queue(about="form-1")
    key = either_office.row()["key_id"]
    either_office.queue(about="form-2", to="piet@people.example")
    with either_office.tools.database.transaction() as session:
        assert either_office.tools.mail.withdraw(session, ["form-1"]) == {"form-1": [key]}
        assert either_office.tools.mail.withdraw(session, ["form-1"]) == {}
    either_office.send_all()
    assert [mail.to for mail in sent] == ["piet@people.example"]
    assert [(row["about"], row["state"], row["sealed"]) for row in either_office.rows()] == [
        ("form-1", "withdrawn", None),
        ("form-2", "sent", None),
    ]


def test_a_mail_whose_key_is_destroyed_is_not_sent(office: Office) -> None:
    """A restored database may hold mails about people who were erased since."""
    sent: list[ComposedMail] = []
    office.use(_Way(sent.append))
    office.queue()
    office.tools.vault.destroy([office.row()["key_id"]])
    office.send_all()
    assert (sent, office.row()["state"]) == ([], "withdrawn")


def test_a_mail_taken_back_while_it_is_handed_over_stays_taken_back(office: Office) -> None:
    """It may still arrive, but no mark brings its row to life again."""

    def take_back(_mail: ComposedMail) -> None:
        with office.tools.database.transaction() as session:
            office.tools.mail.withdraw(session, ["form-1"])

    office.use(_Way(take_back))
    office.queue()
    office.send_all()
    assert (office.row()["state"], office.row()["sent_at"]) == ("withdrawn", None)


def test_a_mail_is_queued_with_its_reason_or_not_at_all(office: Office) -> None:
    """When the transaction is rolled back there is no mail."""

    def queue_and_die() -> None:
        with office.tools.database.transaction() as session:
            office.tools.mail.queue(session, LETTER, now=office.clock())
            raise _KilledError

    with pytest.raises(_KilledError):
        queue_and_die()
    assert office.rows() == []


def test_p49_the_same_mail_asked_for_twice_is_one_mail(either_office: Office) -> None:
    """An action that is repeated gives its mail the same id."""
    sent: list[ComposedMail] = []
    either_office.use(_Way(sent.append))
    for _ in range(2):
        assert (
            either_office.queue(mail_id="5e4d6a30-1f51-4a47-8f8e-6a4b6f1f5d11")
            == "5e4d6a30-1f51-4a47-8f8e-6a4b6f1f5d11"
        )
        either_office.send_all()
    assert len(sent) == 1


class _KilledError(Exception):
    """Stands for a process that dies on the spot."""


class _Way:
    """A transport that hands every mail to the test."""

    def __init__(self, deliver: Callable[[ComposedMail], None]) -> None:
        self._deliver = deliver

    @contextmanager
    def connected(self) -> Iterator[Callable[[ComposedMail], None]]:
        yield self._deliver


def _die(died: list[str], mail: ComposedMail) -> None:
    died.append(mail.id)
    raise _KilledError
