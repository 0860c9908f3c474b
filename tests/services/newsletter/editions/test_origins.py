"""Whose a mail in the seed mailbox is: what anybody can write shows nothing, and the host's own word does (P24)."""

from __future__ import annotations

import pytest

from services.newsletter.editions.origins import Vouching, origin_of
from tests.services.newsletter.editions.test_copies import copy

SENDER = "clinic.example"
HOST = Vouching(authserv_id="mx.mail-host.example")
OF_PROGRAMME = Vouching(authserv_id="mx.mail-host.example", dkim_domain="programme.example")
RIGHT = "mx.mail-host.example; spf=pass smtp.mailfrom=x.example; dkim=pass (2048-bit; ok) header.d=clinic.example"


@pytest.mark.parametrize(
    ("sender", "said", "origin"),
    [
        ("Kliniek <nieuws@clinic.example>", SENDER, "alike"),
        ("nieuws@mail.Clinic.example", SENDER, "alike"),
        ("Kliniek <nieuws@other.example>", SENDER, "other"),
        ("Kliniek <nieuws@notclinic.example>", SENDER, "other"),
        ("nieuws@clinic.example\r\nFrom: x@other.example", SENDER, "other"),  # nobody knows which is shown
        ('"', SENDER, "other"),
        ("Kliniek <nieuws@other.example>", "", "alike"),  # the programme does not show whom it sends from
    ],
)
def test_p24_without_a_host_that_vouches_a_mail_looks_like_a_copy_and_no_more(sender, said, origin) -> None:
    """From the domain that the mailing is sent from; whatever the mail says of itself beside that."""
    assert origin_of(copy(From=sender, Authentication_Results=RIGHT), said, Vouching()) == origin


@pytest.mark.parametrize(
    ("results", "vouching", "origin"),
    [
        ([RIGHT], HOST, "shown"),
        ([RIGHT.upper()], HOST, "shown"),
        (["mx.mail-host.example 1; dkim=pass header.i=@nieuws.clinic.example"], HOST, "shown"),
        (["mx.mail-host.example; dkim=fail header.d=x.example; dkim=pass header.d=clinic.example"], HOST, "shown"),
        (["mx.mail-host.example; spf=pass", RIGHT], HOST, "shown"),  # one header for each thing that is looked at
        ([], HOST, "other"),
        (["mx.mail-host.example; none"], HOST, "other"),
        ([RIGHT.replace("mx.mail-host", "mx.other")], HOST, "other"),
        ([RIGHT.replace("pass (", "fail (")], HOST, "other"),
        ([RIGHT.replace("d=clinic", "d=other")], HOST, "other"),
        (["mx.mail-host.example; dkim=none", RIGHT], HOST, "other"),  # the lower one came with the mail
        (
            ['mx.mail-host.example; spf=pass smtp.mailfrom="a; dkim=pass header.d=clinic.example"@x.example'],
            HOST,
            "other",
        ),
        (["mx.mail-host.example; spf=pass (a; dkim=pass header.d=clinic.example (b) c)"], HOST, "other"),
        (["mx.mail-host.example; spf=pass (a; dkim=pass header.d=clinic.example"], HOST, "other"),
        (["mx.mail-host.example; dkim=pass header.d=clinic.example;" + " " * 9000], HOST, "other"),
        ([RIGHT], OF_PROGRAMME, "other"),
        ([RIGHT.replace("d=clinic", "d=programme")], OF_PROGRAMME, "shown"),
    ],
)
def test_p24_a_host_that_vouches_has_found_the_signature_of_the_sender_right(results, vouching, origin) -> None:
    """In its own name, in the topmost header that speaks of any, and not in what it repeats of the sender's words."""
    above = "".join(f"Authentication-Results: {each}\r\n" for each in results)
    assert origin_of(above.encode() + copy(), SENDER, vouching) == origin
    if not vouching.dkim_domain:
        assert origin_of(above.encode() + copy(From="x@other.example"), SENDER, vouching) == "other"
