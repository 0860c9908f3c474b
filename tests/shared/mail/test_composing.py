"""What a mail looks like, and what can never be in one."""

from __future__ import annotations

import email
import email.policy
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidInputError
from shared.mail import OutgoingMail
from shared.mail.composing import NOTICE, compose
from shared.mail.smtp import SmtpTransport
from shared.policy import Policy
from tests.servers.mail import MailServer

if TYPE_CHECKING:
    from email.message import EmailMessage

    from tests.servers.mail import Certificate
    from tests.shared.mail.conftest import Office

CLINIC = Policy.load(Path(__file__).parents[3] / "deploy" / "config" / "policy.yaml").clinic
AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def _mail(**parts: Any) -> OutgoingMail:
    usual = {"reason": "consent", "about": "sub-1", "to": "anna@people.example", "subject": "Nieuws", "text": "Tekst\n"}
    return OutgoingMail(**usual | parts)


def _composed(*, trial: bool = False, **parts: Any) -> EmailMessage:
    composed = compose(_mail(**parts), mail_id="m-1", at=AT, clinic=CLINIC, trial=trial)
    return email.message_from_bytes(composed.content, policy=email.policy.default)


def test_p58_answers_go_to_an_address_that_people_read() -> None:
    """Sender and Reply-To are the clinic's, and programs are told that no answer is wanted from them."""
    message = _composed()
    assert message["From"] == "Cosmetic Clinics <no-reply@clinic.example>"
    assert message["Reply-To"] == "info@clinic.example"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"] == "Mon, 02 Nov 2026 09:30:00 +0000"
    assert message["Message-ID"] == "<m-1@clinic.example>"


def test_a_forwarded_form_can_be_answered_to_its_sender() -> None:
    """Reply-To may be somebody else's address, where the mail is for the clinic."""
    assert _composed(reply_to="piet@people.example")["Reply-To"] == "piet@people.example"


def test_p24_the_address_in_list_unsubscribe_stays_whole() -> None:
    """A long address is neither broken up nor encoded: mail programs post to it as it stands."""
    address = f"<https://clinic.example/newsletter/unsubscribe/{'t' * 120}>"
    headers = {"List-Unsubscribe": address, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    content = compose(_mail(headers=headers), mail_id="m-1", at=AT, clinic=CLINIC, trial=False).content
    assert f"\r\nList-Unsubscribe: {address}\r\n".encode() in content
    assert b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in content


def test_a_trial_marks_every_mail_in_subject_and_text() -> None:
    """Nobody takes a mail of a trial system for a real one."""
    message = _composed(trial=True, html="<p>Tekst</p>")
    assert message["Subject"] == "[PROEFOMGEVING] Nieuws"
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        assert body is not None
        assert body.get_content().startswith((NOTICE, f"<p>{NOTICE}"))


def test_live_marks_nothing() -> None:
    """A real mail says nothing of a trial."""
    assert "PROEFOMGEVING" not in _composed(html="<p>Tekst</p>").as_string()


@pytest.mark.parametrize("text", ["Beste André – €5\n", "x" * 2000 + "\n", "zonder regeleinde"])
def test_text_and_html_are_alternatives_and_keep_every_letter(text: str) -> None:
    """Both arrive as they were written, in lines and letters that every mail server takes."""
    composed = compose(_mail(text=text, html="<p>é</p>"), mail_id="m-1", at=AT, clinic=CLINIC, trial=False)
    assert max(len(line) for line in composed.content.split(b"\r\n")) <= 998
    assert composed.content.isascii()
    message = email.message_from_bytes(composed.content, policy=email.policy.default)
    plain = message.get_body(("plain",))
    assert plain is not None
    assert plain.get_content().replace("\r\n", "\n").rstrip("\n") == text.rstrip("\n")
    assert message.get_content_type() == "multipart/alternative"


@pytest.mark.parametrize(
    "bad", ["a\r\nBcc: all@people.example", "a\nb", "a\rb", "a\0b", "a\x0bb", "a\u2028b", "\ud800", ""]
)
@pytest.mark.parametrize("part", ["subject", "header", "to", "reply_to"])
def test_nothing_that_ends_a_header_gets_into_one(bad: str, part: str) -> None:
    """Refused when the mail is made, and the message does not repeat it."""
    parts = {"headers": {"X-Note": bad}} if part == "header" else {part: bad}
    with pytest.raises(InvalidInputError) as caught:
        _mail(**parts)
    assert "Bcc" not in str(caught.value.fields)


@pytest.mark.parametrize("name", ["Bcc", "to", "FROM", "Content-Type", "Message-ID", "Subject", "X Y", "X:", "", "Ü"])
def test_headers_of_our_own_cannot_be_set(name: str) -> None:
    """A caller adds headers, and replaces none."""
    with pytest.raises(InvalidInputError):
        _mail(headers={name: "value"})


@pytest.mark.parametrize(
    "address",
    ["", "anna", "anna@", "@people.example", "anna@@people.example", "a b@people.example", "a@b", "a,b@people.example",
     "anna@people.example, piet@people.example", "Anna <anna@people.example>", '"a b"@people.example', "a@-x-.example"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused(address: str) -> None:
    """One address and nothing else: no name, no list, no quoting."""
    with pytest.raises(InvalidInputError):
        _mail(to=address)


@pytest.mark.parametrize(
    "parts", [{"reason": "marketing"}, {"reason": ""}, {"about": ""}, {"text": "a\0"}, {"html": "\ud800"}]
)
def test_p25_a_mail_has_a_reason_and_something_it_is_about(parts: dict[str, str]) -> None:
    """Without either nobody is mailed."""
    with pytest.raises(InvalidInputError):
        _mail(**parts)


@given(subject=st.text(max_size=300), text=st.text(max_size=300))
def test_whatever_is_written_is_refused_or_arrives(subject: str, text: str) -> None:
    """Any characters at all: the mail is not made, or it says exactly that and has no header too many."""
    try:
        mail = _mail(subject=subject, text=text)
    except InvalidInputError:
        return
    composed = compose(mail, mail_id="m-1", at=AT, clinic=CLINIC, trial=False)
    message = email.message_from_bytes(composed.content, policy=email.policy.default)
    assert message.keys() == [
        "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted",
        "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    ]  # fmt: skip
    assert " ".join(message["Subject"].split()) == " ".join(subject.split())


def test_a_domain_in_any_script_is_sent_to_in_ascii() -> None:
    """Every mail server takes it; the part before the @ stays as it was typed."""
    composed = compose(_mail(to=" Anna.Vries@bücher.example "), mail_id="m-1", at=AT, clinic=CLINIC, trial=False)
    assert (composed.to, composed.international) == ("Anna.Vries@xn--bcher-kva.example", False)


def test_an_address_in_another_script_goes_to_a_server_that_takes_it(office: Office, certificate: Certificate) -> None:
    """By SMTPUTF8, and the address stands in the mail as it is (RFC 6531)."""
    with MailServer(tls=certificate.server(), smtp={"enable_SMTPUTF8": True}) as server:
        url = f"smtp://127.0.0.1:{server.port}"
        office.use(SmtpTransport.from_url(url, trial=False, context=certificate.client()), "live")
        office.queue(to="josé@people.example", subject="Één")
        office.send_all()
    (received,) = server.received
    assert received.recipients == ["josé@people.example"]
    assert "To: josé@people.example\r\n".encode() in received.content


def test_an_address_in_another_script_is_set_aside_where_no_server_takes_it(
    office: Office, certificate: Certificate
) -> None:
    """Nothing else would ever send it: a person must find another way."""
    with MailServer(tls=certificate.server(), smtp={"enable_SMTPUTF8": False}) as server:
        url = f"smtp://127.0.0.1:{server.port}"
        office.use(SmtpTransport.from_url(url, trial=False, context=certificate.client()), "live")
        office.queue(to="josé@people.example")
        office.send_all()
    assert server.received == []
    assert (office.row()["state"], office.row()["problem"]) == (
        "parked",
        "The mail server takes no address like this (SMTPUTF8).",
    )


def test_no_trace_shows_whom_a_mail_is_for() -> None:
    """Neither the mail nor its composed form prints address, subject or text."""
    mail = _mail(
        to="marker@people.example", subject="marker", text="marker", html="marker", reply_to="marker@a.example"
    )
    assert "marker" not in repr(mail) + repr(compose(mail, mail_id="m-1", at=AT, clinic=CLINIC, trial=True))
