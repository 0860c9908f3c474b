"""What is read from a report of a mail server, in the forms in which servers write it, and what is no such report."""

from __future__ import annotations

import pytest

from shared.mail.undelivered import Undelivered, undelivered

MAIL = "5e4d6a30-1f51-4a47-8f8e-6a4b6f1f5d11"
FIELDS = """\
Final-Recipient: rfc822; anna@people.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user
"""
HEADERS = f"From: no-reply@clinic.example\nTo: anna@people.example\nMessage-ID: <{MAIL}@clinic.example>\nSubject: Brief"
TYPES = ("message/delivery-status", "message/rfc822")


def report(
    fields: str = FIELDS, returned: str = f"{HEADERS}\n\nBeste\n", types=TYPES, whole: str = "multipart/report"
) -> bytes:
    """Return a report as a server sends it: for people, about each recipient, and what came back."""
    status, back = types
    lines = [
        "From: MAILER-DAEMON@mx.people.example (Mail Delivery System)",
        "To: no-reply@clinic.example",
        "Subject: Undelivered Mail Returned to Sender",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: {whole}; report-type=delivery-status;\n boundary="4F2/mx.people.example"',
        "Message-Id: <20261102090001.4F2@mx.people.example>",
        "",
        "--4F2/mx.people.example\nContent-Type: text/plain; charset=us-ascii\n",
        f"I could not deliver it. In-Reply-To: <{MAIL}@clinic.example>\n",
        f"--4F2/mx.people.example\nContent-Type: {status}\n",
        f"Reporting-MTA: dns; mx.people.example\nArrival-Date: Mon,  2 Nov 2026 10:00:00 +0100 (CET)\n\n{fields}\n",
        f"--4F2/mx.people.example\nContent-Type: {back}\n",
        returned,
        "--4F2/mx.people.example--\n",
    ]
    return "\n".join(lines).replace("\n", "\r\n").encode()


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (report(), "5.1.1"),
        (report(returned=HEADERS, types=("message/delivery-status", "text/rfc822-headers")), "5.1.1"),
        (report(types=("message/global-delivery-status", "message/global")), "5.1.1"),
        (report(returned=HEADERS, types=("message/global-delivery-status", "message/global-headers")), "5.1.1"),
        (report("Action: FAILED\nStatus: 4.4.7 (delivery time expired)"), "4.4.7"),
        (report("Action: delivered\nStatus: 2.0.0\n\nAction: failed\nStatus: 5.2.2"), "5.2.2"),
        (report("Action: failed"), "5.0.0"),
        (report("Action: failed\nStatus: anna@people.example"), "5.0.0"),
        (
            report(returned=HEADERS.replace("clinic.example>", "Clinic.Example>") + "\n\n" + "x" * 300_000)[:262_144],
            "5.1.1",
        ),
    ],
)
def test_which_mail_came_back_and_why(content, status) -> None:
    """Whole, by its headers only, of the international kind, given up on, without a reason, and cut off."""
    assert undelivered(content, "clinic.example") == Undelivered(MAIL, status)


@pytest.mark.parametrize(
    "content",
    [
        report("Action: delayed\nStatus: 4.4.1"),
        report("Action: relayed\nStatus: 2.0.0"),
        report(returned=f"{HEADERS.replace('clinic.example>', 'elsewhere.example>')}\n\n"),
        report(returned="Message-ID: <20261102@clinic.example>\n\n"),
        report(returned="Subject: nothing\n\n"),
        report(types=("message/disposition-notification", "message/rfc822")),
        report(types=("message/delivery-status", "text/plain")),
        report(whole="multipart/mixed"),
        f"Subject: afwezig\r\nIn-Reply-To: <{MAIL}@clinic.example>\r\n\r\nIk ben er niet.\r\n".encode(),
        b"Content-Type: multipart/report; report-type=delivery-status\r\n\r\nno parts",
        b'Content-Description: a="' + b";" * 9_000 + b"\r\n" + report(),  # ten times as long would take minutes
        b"",
        b"\xff\x00",
        b"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 4000,
    ],
)
def test_what_is_no_report_of_a_mail_of_ours_says_nothing(content) -> None:
    """A delay, a mail of somebody else's, a reading receipt, an absence notice, and what nobody can read."""
    assert undelivered(content, "clinic.example") is None
