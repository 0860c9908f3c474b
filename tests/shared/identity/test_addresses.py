"""E-mail addresses come out in one form, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InvalidInputError
from shared.identity import normalise_email


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("jan@example.nl", "jan@example.nl"),
        ("  Jan.de.Vries@Example.NL \r\n", "jan.de.vries@example.nl"),
        ("jan+nieuws@example.nl", "jan+nieuws@example.nl"),
        ("info@München.example", "info@xn--mnchen-3ya.example"),
        ("info@XN--MNCHEN-3YA.example", "info@xn--mnchen-3ya.example"),
        ("info@straße.example", "info@xn--strae-oqa.example"),
        ("info@例え。example", "info@xn--r8jz45g.example"),
        ("Rene\u0301e@example.nl", "ren\u00e9e@example.nl"),
        ("ΝΙΚΟΣ@example.gr", "νικος@example.gr"),
        ("o'brien@example.ie", "o'brien@example.ie"),
        (f"{'a' * 64}@example.nl", f"{'a' * 64}@example.nl"),
    ],
)
def test_an_address_comes_out_trimmed_lower_cased_and_with_an_ascii_domain(typed: str, normal: str) -> None:
    """However it was typed, it is one address; dots and tags are part of it."""
    assert normalise_email(typed) == normal


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "jan",
        "@example.nl",
        "jan@",
        "jan@@example.nl",
        "jan@example.nl@example.com",
        "jan@example.nl, piet@example.nl",
        "jan de vries@example.nl",
        '"jan de vries"@example.nl',
        "jan@exam ple.nl",
        "jan\x00@example.nl",
        "jan@exam\x00ple.nl",
        "jan\r\nBcc: piet@example.nl",
        "jan\u200b@example.nl",
        "jan\u202e@example.nl",
        "jan\ud800@example.nl",
        "jan@\ud800.nl",
        ".jan@example.nl",
        "jan.@example.nl",
        "jan..de.vries@example.nl",
        "jan@localhost",
        "jan@example.nl.",
        "jan@exam_ple.nl",
        "jan@-example.nl",
        "jan@192.0.2.1",
        "jan@[192.0.2.1]",
        "jan@xn--a.nl",
        "<jan@example.nl>",
        "jan(thuis)@example.nl",
        f"{'a' * 65}@example.nl",
        f"{'é' * 33}@example.nl",
        f"jan@{'a' * 64}.nl",
        f"jan@{'.'.join(['a' * 60] * 5)}.nl",
        "a" * 1_000_000 + "@example.nl",
    ],
)
def test_what_is_no_address_is_refused_without_being_repeated(typed: str) -> None:
    """The error names the field, and neither it nor its cause holds what was typed."""
    with pytest.raises(InvalidInputError) as caught:
        normalise_email(typed, field="contact")
    assert list(caught.value.fields) == ["contact"]
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    for part in filter(lambda part: len(part) > 3, typed.split("@")):
        assert part not in str(caught.value.fields)


@given(st.text(min_size=1, max_size=70), st.sampled_from(["Example.NL", "MÜNCHEN.example", "a-b.co.uk"]))
def test_normalising_twice_changes_nothing(local: str, domain: str) -> None:
    """A reference made over a stored address equals the one made over the typed address."""
    try:
        once = normalise_email(f"{local}@{domain}")
    except InvalidInputError:
        return
    assert normalise_email(once) == once
    shouted = once.upper()
    if shouted.lower() == once:  # µ and ß, for two, do not come back from capitals
        assert normalise_email(f" {shouted}\n") == once


@given(st.text(max_size=600))
def test_any_text_gives_an_address_or_a_refusal(text: str) -> None:
    """Nothing a form can send makes the normalisation fail in another way."""
    try:
        normal = normalise_email(text)
    except InvalidInputError:
        return
    assert normal.count("@") == 1
    assert len(normal.encode()) <= 254
    assert normal.partition("@")[2].isascii()
