"""Whether receivers find the keys with which the clinic's mail server signs (DKIM, RFC 6376; P54)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from services.findings import look, well
from services.mail_domain.names import tags_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from services.findings import Finding
    from services.mail_domain.names import Names

SMALLEST_KEY = 2048  # bits: RFC 8301 section 3.2
ED25519_OCTETS = 32


def about_dkim(names: Names, domain: str, selectors: Sequence[str]) -> Iterator[Finding]:
    """Say of each selector whether there is a key that holds; nobody can look up which there are."""
    if not selectors:
        yield look("could not be looked up: name what the mail server signs with, clinic.dkim_selectors in the policy.")
    for selector in selectors:
        tags = [tags_of(text) for text in names.texts(f"{selector}._domainkey.{domain}")]
        yield _about_selector(selector, [each for each in tags if "p" in each])


def _about_selector(selector: str, keys: Sequence[Mapping[str, str]]) -> Finding:
    if len(keys) != 1:
        return look(f"under {selector} there {'are several keys, which is an error' if keys else 'is no key'}.")
    [tags] = keys
    if not tags["p"]:
        return look(f"the key {selector} was revoked.")
    if "y" in tags.get("t", "").split(":"):
        return look(f"the key {selector} says that it is a test (t=y), so receivers need not look at it.")
    return _about_key(selector, tags.get("k", "rsa"), tags["p"])


def _about_key(selector: str, kind: str, text: str) -> Finding:
    try:
        octets = base64.b64decode(text, validate=True)
        if kind == "ed25519" and len(octets) == ED25519_OCTETS:  # RFC 8463: the bare key
            return well(f"key {selector}, Ed25519")
        key = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, RSAPublicKey) or kind != "rsa":
        return look(f"the key {selector} cannot be read.")
    if key.key_size < SMALLEST_KEY:
        return look(f"the key {selector} has {key.key_size} bits: take {SMALLEST_KEY} (RFC 8301).")
    return well(f"key {selector}, RSA of {key.key_size} bits")
