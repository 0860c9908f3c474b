"""Whether a processor said it: the signature over the raw bytes, and the certificate chain behind it.

What is checked                                                what is said otherwise
-------------------------------------------------------------  ---------------------------------------------
both headers, under their names of version 2 or version 1      not signed
the domain is the one on the register                          signed for another domain
the certificate names that domain in its SAN                   names another domain
it is within its time                                          expired, or not yet valid
it was issued, not self-signed, and by the processor's own
authority on the register (the web's profile of RFC 5280)      self-signed; not issued by the authority
RSA over SHA-256 of the body, PKCS#1 v1.5 or PSS               does not fit the body

Not checked: whether the authority revoked the certificate. That would take calls to hosts of parties that
are not on the register; a processor whose key is stolen is taken off it, or its ``authority`` is changed.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from shared.errors import RetryableError

if TYPE_CHECKING:
    from datetime import datetime

    from shared.processors.opendsr.settings import Padding

DOMAIN_HEADERS = ("x-opendsr-processor-domain", "x-opengdpr-processor-domain")
SIGNATURE_HEADERS = ("x-opendsr-signature", "x-opengdpr-signature")
LONGEST_CHAIN = 5
TRY_AGAIN = 60 * 60  # seconds: what is wrong with a certificate, the processor mends and not we


class UnprovenError(RetryableError):
    """Nothing shows that the processor said this; ``detail`` says what was wrong."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail, retry_after=TRY_AGAIN)


class Headers(Protocol):
    """Headers as they came: found by any spelling, or by lower case at least."""

    def get(self, name: str, /) -> str | None:
        """Return the value of a header, if it is there."""
        ...


@dataclass(frozen=True, slots=True)
class Signed:
    """A body as it came, and what its headers claim about it."""

    body: bytes = field(repr=False)
    domain: str
    signature: bytes = field(repr=False)


def read_signed(headers: Headers, body: bytes) -> Signed:
    """Read the two headers; nothing is believed yet. Raises UnprovenError when one is missing."""
    domain, signature = _first(headers, DOMAIN_HEADERS), _first(headers, SIGNATURE_HEADERS)
    if not domain or not signature:
        raise UnprovenError("It is not signed.")
    try:
        return Signed(body, domain.strip().lower(), base64.b64decode(signature.strip(), validate=True))
    except (binascii.Error, ValueError) as error:
        raise UnprovenError("Its signature is not base64.") from error


def check_signature(signed: Signed, certificate: x509.Certificate, scheme: Padding) -> None:
    """Check the exact bytes against the certificate's key. Raises UnprovenError."""
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise UnprovenError("Its certificate has no RSA key.")
    chosen = (
        padding.PKCS1v15()
        if scheme == "pkcs1v15"
        else padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.AUTO)
    )
    try:
        key.verify(signed.signature, signed.body, chosen, hashes.SHA256())
    except InvalidSignature as error:
        raise UnprovenError("Its signature does not fit the body.") from error


def check_chain(pem: str, authority: str, domain: str, at: datetime) -> x509.Certificate:
    """Return the signing certificate of a chain (PEM, that certificate first) that holds at a time.

    Raises UnprovenError in our own words: a library's would quote the certificate.
    """
    try:
        leaf, *between = x509.load_pem_x509_certificates(pem.encode())
        issued = leaf.issuer != leaf.subject
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        named = {name.lower() for name in names.get_values_for_type(x509.DNSName)}
    except (ValueError, x509.ExtensionNotFound) as error:
        raise UnprovenError("Its certificate cannot be read, or names no domain.") from error
    if len(between) >= LONGEST_CHAIN:
        raise UnprovenError("Its certificates are too many.")
    if not issued:
        raise UnprovenError("Its certificate is self-signed.")
    if domain not in named:
        raise UnprovenError("Its certificate names another domain.")
    if not leaf.not_valid_before_utc <= at <= leaf.not_valid_after_utc:
        raise UnprovenError("Its certificate has expired, or is not valid yet.")
    store = Store(x509.load_pem_x509_certificates(authority.encode()))
    verifier = PolicyBuilder().store(store).time(at).max_chain_depth(LONGEST_CHAIN)
    try:
        verifier.build_server_verifier(x509.DNSName(domain)).verify(leaf, between)
    except (VerificationError, ValueError) as error:
        raise UnprovenError("Its certificate was not issued by the authority on the register.") from error
    return leaf


def as_pem(pem: str) -> list[str]:
    """Return each certificate of a chain by itself, without whatever stands between them."""
    chain = x509.load_pem_x509_certificates(pem.encode())
    return [each.public_bytes(Encoding.PEM).decode() for each in chain]


def fingerprints(pem: str) -> list[str]:
    """Return the SHA-256 of each certificate, in lower-case hex."""
    return [each.fingerprint(hashes.SHA256()).hex() for each in x509.load_pem_x509_certificates(pem.encode())]


def _first(headers: Headers, names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := headers.get(name))), None)
