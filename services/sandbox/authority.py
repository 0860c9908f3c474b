"""Certificates for played processors: an authority kept in `sandbox.json`, and what it issues at each start."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes as IssuerKey

Validity: TypeAlias = tuple[datetime | None, datetime | None]
YEAR = timedelta(days=365)
RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Signer:
    """A key and its certificates (PEM, its own first)."""

    certificates: str
    key: rsa.RSAPrivateKey = field(repr=False)

    def sign(self, body: bytes) -> str:
        """Return the signature as the header carries it: RSA PKCS#1 v1.5 over SHA-256, in base64."""
        return base64.b64encode(self.key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()


def new_authority(name: str) -> dict[str, str]:
    """Return a new authority as `sandbox.json` keeps it: its certificate and its key, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _authority(name, key, name, key, depth=1)
    written = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {"authority": _pem(certificate), "authority_key": written}


def issue(
    authority: str, authority_key: str, domain: str, *, begins: datetime | None = None, ends: datetime | None = None
) -> Signer:
    """Return a new signer for a domain, by way of a certificate in between as public authorities have it.

    Its certificate is good from yesterday for a year, unless said otherwise.
    """
    root = x509.load_pem_x509_certificate(authority.encode())
    root_key = load_pem_private_key(authority_key.encode(), None)
    between_key = ec.generate_private_key(ec.SECP256R1())
    root_name = str(root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)
    between_name = f"{root_name} 1"
    between = _authority(between_name, between_key, root_name, root_key, depth=0)  # type: ignore[arg-type]
    key = rsa.generate_private_key(65537, RSA_BITS)
    leaf = _leaf(domain, key, between_name, between_key, (begins, ends))
    return Signer(_pem(leaf) + _pem(between), key)


def self_signed(domain: str) -> Signer:
    """Return a signer that nobody vouches for."""
    key = rsa.generate_private_key(65537, RSA_BITS)
    return Signer(_pem(_leaf(domain, key, domain, key)), key)


def _authority(name: str, key: IssuerKey, issuer: str, issuer_key: IssuerKey, *, depth: int) -> x509.Certificate:
    usage = dict.fromkeys(USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
    builder = _builder(name, key, issuer, issuer_key, (None, datetime.now(UTC) + 10 * YEAR))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
    builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def _leaf(
    domain: str, key: rsa.RSAPrivateKey, issuer: str, issuer_key: IssuerKey, validity: Validity = (None, None)
) -> x509.Certificate:
    builder = _builder(domain, key, issuer, issuer_key, validity)
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(domain)]), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    return builder.sign(issuer_key, hashes.SHA256())


def _builder(
    name: str, key: IssuerKey, issuer: str, issuer_key: IssuerKey, validity: Validity
) -> x509.CertificateBuilder:
    """Begin a certificate; by the machine's clock, as everybody's certificates are."""
    now = datetime.now(UTC)
    begins, ends = validity
    return (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or now - timedelta(days=1))
        .not_valid_after(ends or now + YEAR)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )


USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode()
