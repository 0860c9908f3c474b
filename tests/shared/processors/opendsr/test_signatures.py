"""Whether a processor said it: every way in which a signature or a certificate can be wrong (C3, C5, C6, C14)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from services.sandbox.authority import issue, new_authority, self_signed
from shared.processors.opendsr.signatures import UnprovenError, check_chain, check_signature, read_signed
from tests.kit.opendsr import AUTHORITY, DOMAIN, SIGNER, another_signer, headers

NOW = datetime.now(UTC)
BODY = b'{"request_status": "completed"}\n'


def lower(given: dict[str, str]) -> dict[str, str]:
    """Return headers as a client of ours gives them."""
    return {name.lower(): value for name, value in given.items()}


def leaf(pem: str = SIGNER.certificates) -> x509.Certificate:
    """Return the signing certificate."""
    return x509.load_pem_x509_certificates(pem.encode())[0]


def chain_of(pem: str, domain: str = DOMAIN, authority: str = AUTHORITY["authority"], at: datetime = NOW):
    """Check a chain."""
    return check_chain(pem, authority, domain, at)


def test_a_proper_chain_and_signature_hold() -> None:
    """By way of a certificate between the authority's and the processor's."""
    assert SIGNER.certificates.count("BEGIN CERTIFICATE") == 2
    signed = read_signed(lower(headers(BODY)), BODY)
    assert signed.domain == DOMAIN
    check_signature(signed, chain_of(SIGNER.certificates), "pkcs1v15")


@pytest.mark.parametrize("prefix", ["X-OpenDSR", "X-OpenGDPR"])
def test_c14_the_header_names_of_both_versions_are_read(prefix: str) -> None:
    """Whoever began with OpenGDPR still signs under its names."""
    assert read_signed(lower(headers(BODY, prefix=prefix)), BODY).domain == DOMAIN


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"x-opendsr-processor-domain": DOMAIN},
        {"x-opendsr-signature": "AAAA"},
        {"x-opendsr-processor-domain": DOMAIN, "x-opendsr-signature": "no base64!"},
        {"x-opendsr-processor-domain": DOMAIN, "x-opendsr-signature": ""},
    ],
)
def test_c3_what_is_not_signed_at_all_is_not_read(given: dict[str, str]) -> None:
    """Both headers, or nothing."""
    with pytest.raises(UnprovenError):
        read_signed(given, BODY)


@pytest.mark.parametrize(
    "body", [BODY.strip(), BODY + b"\n", BODY.replace(b" ", b""), BODY.replace(b"completed", b"pending"), b""]
)
def test_c6_any_other_bytes_do_not_fit(body: bytes) -> None:
    """Not even other white space: the raw bytes are what was signed."""
    with pytest.raises(UnprovenError, match="does not fit"):
        check_signature(read_signed(lower(headers(BODY)), body), leaf(), "pkcs1v15")


def test_c3_another_key_of_the_same_authority_does_not_fit() -> None:
    """A certificate vouches for one key."""
    signed = read_signed(lower(headers(BODY, another_signer())), BODY)
    with pytest.raises(UnprovenError, match="does not fit"):
        check_signature(signed, leaf(), "pkcs1v15")


def test_pss_is_taken_where_the_register_says_so_and_only_there() -> None:
    """The specification does not name the padding."""
    scheme = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
    signature = base64.b64encode(SIGNER.key.sign(BODY, scheme, hashes.SHA256())).decode()
    signed = read_signed({"x-opendsr-processor-domain": DOMAIN, "x-opendsr-signature": signature}, BODY)
    check_signature(signed, leaf(), "pss")
    with pytest.raises(UnprovenError):
        check_signature(signed, leaf(), "pkcs1v15")
    with pytest.raises(UnprovenError):
        check_signature(read_signed(lower(headers(BODY)), BODY), leaf(), "pss")


@pytest.mark.parametrize(
    ("pem", "because"),
    [
        (self_signed(DOMAIN).certificates, "self-signed"),
        (another_signer("other.example").certificates, "another domain"),
        (another_signer(f"sub.{DOMAIN}").certificates, "another domain"),
        (another_signer(ends=NOW - timedelta(minutes=1)).certificates, "expired"),
        (another_signer(begins=NOW + timedelta(hours=1)).certificates, "not valid yet"),
        (SIGNER.certificates.partition("-----END CERTIFICATE-----\n")[2], "cannot be read, or names no domain"),
        (SIGNER.certificates.partition("\n-----END CERTIFICATE-----\n")[0] + "\n-----END CERTIFICATE-----\n", "issued"),
        (SIGNER.certificates * 3, "too many"),
        (AUTHORITY["authority"], "names no domain"),
        ("", "cannot be read"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
    ],
)
def test_c5_a_certificate_that_proves_nothing_is_refused(pem: str, because: str) -> None:
    """Self-signed, for others, out of its time, without what links it to the authority, or no certificate at all."""
    with pytest.raises(UnprovenError, match=because):
        chain_of(pem)


def test_c5_another_authority_than_the_registers_vouches_for_nothing() -> None:
    """However good it is: each processor has its own on the register."""
    other = new_authority("Another authority")
    with pytest.raises(UnprovenError, match="issued"):
        chain_of(issue(other["authority"], other["authority_key"], DOMAIN).certificates)
    same_name = new_authority("Authority for tests")
    with pytest.raises(UnprovenError, match="issued"):
        chain_of(issue(same_name["authority"], same_name["authority_key"], DOMAIN).certificates)


def test_c5_a_self_signed_certificate_is_refused_even_as_its_own_authority() -> None:
    """The specification wants one that somebody else issued."""
    pem = self_signed(DOMAIN).certificates
    with pytest.raises(UnprovenError, match="self-signed"):
        chain_of(pem, authority=pem)


def test_a_key_that_is_not_rsa_is_refused() -> None:
    """OpenDSR's signatures are RSA."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, NOW, NOW + timedelta(days=1))
    with pytest.raises(UnprovenError, match="no RSA key"):
        check_signature(read_signed(lower(headers(BODY)), BODY), builder.sign(key, hashes.SHA256()), "pkcs1v15")


def test_what_is_wrong_is_said_without_quoting_a_certificate() -> None:
    """Its names are somebody's; the words go into receipts."""
    for pem in (another_signer("jan-jansen.example").certificates, self_signed(DOMAIN).certificates):
        with pytest.raises(UnprovenError) as caught:
            chain_of(pem)
        assert "jan-jansen" not in caught.value.detail
        assert DOMAIN not in caught.value.detail
