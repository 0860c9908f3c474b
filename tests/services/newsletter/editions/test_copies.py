"""A copy of an edition: what RFC 8058 asks of its headers, and a link at the foot that leads out (P24)."""

from __future__ import annotations

import pytest

from services.newsletter.editions.copies import lacks_of
from services.newsletter.editions.headers import subject_of

OURS = "https://discreet.clinic.example"
SIGNED = (
    "v=1; a=rsa-sha256; d=programme.example; s=k1;\r\n h=From:To:Subject:List-Unsubscribe:List-Unsubscribe-Post; b=x"
)
HEADERS = {
    "From": "Kliniek <nieuws@mail.clinic.example>",
    "Subject": "Zomer",
    "List-Unsubscribe": "<mailto:weg@programme.example>, <https://leave.programme.example/u/abc>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "DKIM-Signature": SIGNED,
}
FOOT = '<p><a href="https://click.programme.example/t/9f">Afmelden</a></p>'
ARTICLE = "<style>.unsubscribe {color: red}</style><h1>Zomer</h1>" + "<p>Een lange tekst over de zomer.</p>" * 120


def copy(body: str = ARTICLE + FOOT, kind: str = "html", **changed: str | None) -> bytes:
    """Return a mail as it lies in a mailbox; a header that is None is left out."""
    headers = {**HEADERS, **{name.replace("_", "-"): value for name, value in changed.items()}}
    lines = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return "\r\n".join([*lines, f"Content-Type: text/{kind}; charset=utf-8", "", body]).encode()


def test_p24_a_copy_with_all_of_it_lacks_nothing() -> None:
    """Also as text, with the words before the link, and with a link of the sender's own or of ours."""
    assert lacks_of(copy(), OURS) == []
    text = "Zomer\n\nAfmelden kan hier:\nhttps://x.programme.example/9f\n"
    assert lacks_of(copy(text, "plain"), OURS) == []
    for host in ("nieuws.clinic.example", "discreet.clinic.example"):
        assert lacks_of(copy(f'{ARTICLE}<a href="https://{host}/afmelden/1">hier</a>'), OURS) == []


@pytest.mark.parametrize(
    ("mail", "lacks"),
    [
        (copy(List_Unsubscribe=None), ["list-unsubscribe", "foot-link"]),  # whose host it was is not known without it
        (copy(List_Unsubscribe="<mailto:weg@programme.example>"), ["list-unsubscribe", "foot-link"]),
        (copy(List_Unsubscribe_Post=None), ["list-unsubscribe-post"]),
        (copy(List_Unsubscribe_Post="yes"), ["list-unsubscribe-post"]),
        (copy(DKIM_Signature=None), ["dkim"]),
        (copy(DKIM_Signature="v=1; h=From:Subject:List-Unsubscribe; b=x"), ["dkim"]),
        (copy(ARTICLE), ["foot-link"]),
        (copy(FOOT + ARTICLE), ["foot-link"]),  # at the head
        (copy(ARTICLE + FOOT.replace("programme", "elsewhere")), ["foot-link"]),
        (copy(ARTICLE + FOOT.replace("Afmelden", "Lees meer")), ["foot-link"]),
        (b"", ["list-unsubscribe", "list-unsubscribe-post", "dkim", "foot-link"]),
        (b"\xff\x00 garbage", ["list-unsubscribe", "list-unsubscribe-post", "dkim", "foot-link"]),
    ],
)
def test_p24_each_thing_that_is_missing_is_named(mail, lacks) -> None:
    """And a mail that cannot be read lacks everything."""
    assert lacks_of(mail, OURS) == lacks


@pytest.mark.parametrize("sender", ['"', "a@[", ":;", "<", "(" * 7000, "a " * 4000, "=?utf-8?q?=?=", "@" * 9000])
def test_p24_whatever_stands_in_a_header_the_others_are_read(sender) -> None:
    """Python's newer policy ends in an IndexError over some of these, and in minutes over others."""
    assert lacks_of(copy(From=sender), OURS) == []


@pytest.mark.parametrize(
    "mail",
    [
        copy("x", 'html; a="' + ";" * 60_000),
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(5000)),
        copy("<![<!DOCTYPE [>"),
    ],
)
def test_p24_a_mail_that_is_made_to_be_slow_is_not_read(mail) -> None:
    """Anybody can mail to the address; the jobs of every service wait for whoever reads it."""
    assert subject_of(mail) in ("", "Zomer")
    with pytest.raises((ValueError, AssertionError)):
        lacks_of(mail, OURS)


def test_p24_a_page_that_is_made_to_be_slow_has_only_its_foot_read() -> None:
    """Tags that do not end; and a foot after a long page is found all the same."""
    assert lacks_of(copy("<a " * 300_000), OURS) == ["foot-link"]
    assert lacks_of(copy("<a <!--" * 50_000 + "-->" + FOOT), OURS) == []


def test_a_subject_is_read_as_the_reader_sees_it() -> None:
    """Encoded, folded, and in a character set that nobody has."""
    assert (
        subject_of(b"Subject: =?utf-8?q?Zomer=2C_Zo=C3=AB?=!\r\n\r\n")
        == "Zomer, Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}!"
    )
    assert subject_of(b"Subject: Zomer,\r\n  Sam\r\n\r\n") == "Zomer, Sam"
    assert subject_of(b"Subject: =?rot13?q?x?=\r\n\r\n") == "=?rot13?q?x?="
