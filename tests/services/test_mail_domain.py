"""What the doctor says of the clinic's mail domain, by a real name server on this machine."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from services.doctor import CHECKS
from services.mail_domain import mail_domain
from shared.settings import CONFIG, ROOT, Settings
from tests.servers.names import NameServer

SERVER = "smtp://127.0.0.1:25"
TLSA = "_25._tcp.mx.clinic.example 60 IN TLSA 3 1 1 " + "ab" * 32


def public(key) -> str:
    """Write a public key as DKIM does."""
    encoded = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(encoded).decode()


BIG, SMALL, OTHER = (
    public(key)
    for key in (
        rsa.generate_private_key(65537, 2048),
        rsa.generate_private_key(65537, 1024),  # noqa: S505 - too small is what it is for
        ec.generate_private_key(ec.SECP256R1()),
    )
)
GOOD = f"""\
clinic.example 60 IN TXT "some-verification=1"
clinic.example 60 IN TXT "v=spf1 include:_spf.host.example " "-all"
clinic.example 60 IN MX 10 mx.clinic.example.
_spf.host.example 60 IN TXT "v=spf1 ip4:192.0.2.0/24 a:out.host.example/28 ?all"
mail1._domainkey.clinic.example 60 IN TXT "v=DKIM1; k=rsa; p={BIG[:200]}" "{BIG[200:]}"
_dmarc.clinic.example 60 IN TXT "v=DMARC1; p=reject; rua=mailto:dmarc@clinic.example"
{TLSA}
"""
SIGNED = {"clinic.example", "_25._tcp.mx.clinic.example"}


def settings_of(home: Path, *, server: str = SERVER, **clinic: object) -> Settings:
    """Return the settings of a clinic with a mail server."""
    said = yaml.safe_load((ROOT / CONFIG / "policy.yaml").read_bytes())
    said["clinic"] |= {"dkim_selectors": ["mail1"], **clinic}
    policy = home / "policy.yaml"
    policy.write_text(yaml.safe_dump(said))
    environ = {"DISCREET_MODE": "trial", "DISCREET_HOME": str(home), "DISCREET_POLICY": str(policy)}
    return Settings.from_environ(environ | ({"DISCREET_SMTP_URL": server} if server else {}))


def told(home: Path, server: NameServer, **clinic: object) -> dict[str, list[str]]:
    """Return what deserves attention and what does not."""
    with server:
        findings = list(mail_domain(settings_of(home, **clinic), server.resolver()))
    said = {
        word: [each.text for each in findings if each.well == well] for word, well in (("well", True), ("look", False))
    }
    assert all("\n" not in text for texts in said.values() for text in texts)
    return said


def test_p54_a_domain_that_is_ready_is_said_to_be_so(tmp_path) -> None:
    """SPF over an include, a key in two strings, a policy that rejects, and a server that DNSSEC vouches for."""
    assert told(tmp_path, NameServer(GOOD, signed=SIGNED)) == {
        "well": [
            "SPF of clinic.example: others are refused (-all)",
            "DKIM of clinic.example: key mail1, RSA of 2048 bits",
            "DMARC of clinic.example: reject",
            "Mail to clinic.example: mx.clinic.example has a TLSA record (DANE), and DNSSEC vouches for it",
        ],
        "look": [],
    }


def test_p54_a_domain_without_any_of_it_is_told_what_is_missing(tmp_path) -> None:
    """Each by its name, and what follows from that."""
    said = told(tmp_path, NameServer(""))
    assert said["well"] == []
    assert [text.partition(":")[0] for text in said["look"]] == [
        f"{what} clinic.example" for what in ("SPF of", "DKIM of", "DMARC of", "Mail to")
    ]
    assert all(
        word in text for word, text in zip(("anybody", "no key", "no record", "no MX"), said["look"], strict=True)
    )


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"-all"', '"?all"', "lets others send too"),
        ('"-all"', '""', "lets others send too"),
        ('"some-verification=1"', '"v=spf1 -all"', "2 records"),
        ("include:_spf.host.example", "include:gone.host.example", "gone.host.example, which has no record"),
        ("ip4:192.0.2.0/24", "include:clinic.example", "more than 10 lookups"),
        ("p=reject", "p=none", "only watches"),
        ("p=reject", "p=reject; pct=20", "part of the mails"),
        ("_dmarc.clinic.example 60", "_dmarc.other.example 60", "there is no record"),
        ("v=DKIM1; k=rsa", "v=DKIM1; k=rsa; t=y", "it is a test"),
        (f'p={BIG[:200]}" "{BIG[200:]}', f"p={SMALL}", "1024 bits"),
        (f'p={BIG[:200]}" "{BIG[200:]}', f"p={OTHER}", "cannot be read"),
        (f'p={BIG[:200]}" "{BIG[200:]}', "p=", "was revoked"),
        ("TLSA 3 1 1", "TLSA 1 1 1", "no TLSA record that mail servers use"),
        (TLSA, "", "has no TLSA record (DANE)"),
        ("10 mx.clinic.example.", "0 .", "takes no mail"),
    ],
)
def test_p54_one_thing_that_is_wrong_is_the_one_that_is_named(tmp_path, old, new, says) -> None:
    """The others stay well."""
    assert old in GOOD
    said = told(tmp_path, NameServer(GOOD.replace(old, new), signed=SIGNED))
    [named] = said["look"]
    assert says in named
    assert len(said["well"]) == 3


def test_p54_what_could_not_be_looked_up_is_said_to_be_so_and_never_guessed(tmp_path) -> None:
    """A server that fails, one that is silent, and none at all: neither is a record that is not there."""
    unseen = {"broken": {"_spf.host.example"}, "silent": {"_dmarc.clinic.example"}}
    server = NameServer(GOOD, signed=SIGNED, **unseen, patience=0.5)
    look = told(tmp_path, server)["look"]
    assert [text.partition(":")[0] for text in look] == ["SPF of clinic.example", "DMARC of clinic.example"]
    assert all("could not be looked up" in text for text in look)
    offline = list(mail_domain(settings_of(tmp_path), NameServer("", patience=0.2).resolver()))
    assert len(offline) == 4
    assert all("could not be looked up" in each.text and not each.well for each in offline)


def test_p54_dnssec_that_nobody_vouches_for_counts_for_nothing(tmp_path) -> None:
    """Of the MX or of the TLSA record: either can be forged then."""
    for missing in SIGNED:
        [look] = told(tmp_path, NameServer(GOOD, signed=SIGNED - {missing}))["look"]
        assert "does not vouch for it" in look


def test_p54_a_subdomain_goes_by_what_its_parent_says_of_subdomains(tmp_path) -> None:
    """And each domain that answers go to is looked at."""
    parent = GOOD.replace("p=reject;", "p=reject; sp=none;")
    said = told(tmp_path, NameServer(parent, signed=SIGNED), sender="post@mail.clinic.example", forms="f@desk.example")
    assert (
        "DMARC of mail.clinic.example: the record only watches (p=none) (said by clinic.example): quarantine or"
        in "\n".join(said["look"])
    )
    assert any(text.startswith("Mail to desk.example: there is no MX") for text in said["look"])


def test_p54_a_selector_that_nobody_named_is_not_guessed(tmp_path) -> None:
    """What the mail server signs with stands nowhere in the DNS."""
    settings = settings_of(tmp_path)
    said = yaml.safe_load(settings.policy.read_bytes())
    del said["clinic"]["dkim_selectors"]
    settings.policy.write_text(yaml.safe_dump(said))
    with NameServer(GOOD, signed=SIGNED) as server:
        [look] = [each.text for each in mail_domain(settings, server.resolver()) if not each.well]
    assert "clinic.dkim_selectors" in look
    assert not any("_domainkey" in name for name in server.asked)


def test_where_mail_goes_into_a_folder_nothing_is_looked_up(tmp_path) -> None:
    """A trial asks nobody anything; it is among what the doctor looks at."""
    with NameServer(GOOD) as server:
        [said] = mail_domain(settings_of(tmp_path, server=""), server.resolver())
    assert said.well
    assert server.asked == []
    assert mail_domain in CHECKS
