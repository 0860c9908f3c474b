"""The root key in shares for its holders: any two of three give it back, one alone says nothing.

Shares are words after SLIP-0039, an open standard: they can be written down and typed in again, each carries
a checksum and its number, and other programs can read them too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from shamir_mnemonic import MnemonicError, combine_mnemonics, generate_mnemonics
from shamir_mnemonic.share import Share

from shared.errors import IntegrityError
from shared.signing import SigningKey, fingerprint_of, has_fingerprint

if TYPE_CHECKING:
    from collections.abc import Sequence

_FORM = """\
Discreet: share {number} of {shares} of the clinic's root key.
Any {threshold} of them give the key back. Keep this one where the other holders cannot reach it.

root: {fingerprint}
words: {words}
"""
_WORDS = re.compile(r"(?:^words:|\A)([a-z\s]+)\Z", re.MULTILINE | re.IGNORECASE)
_ROOT = re.compile(r"^root:\s*([0-9A-F ]+)$", re.MULTILINE)


def split_root(root: SigningKey, shares: int = 3, threshold: int = 2) -> list[str]:
    """Return the text of each holder's share. Every way to put them together was tried before they are returned."""
    secret = root.private_key.private_bytes_raw()
    words = generate_mnemonics(1, [(threshold, shares)], secret)[0]
    texts = [
        _FORM.format(
            number=number,
            shares=shares,
            threshold=threshold,
            fingerprint=fingerprint_of(root.public_key),
            words=_in_lines(each),
        )
        for number, each in enumerate(words, start=1)
    ]
    for some in combinations(texts, threshold):
        recover_root(some, fingerprint_of(root.public_key))
    return texts


def recover_root(shares: Sequence[str], fingerprint: str | None = None) -> SigningKey:
    """Put the root key together from the text of enough shares; a spoilt one among more than enough is no harm.

    A share is the text that ``split_root`` gave, or its words alone, typed in again.
    ``fingerprint`` is the one to hold the result against; without it, the one written on the shares. Raises
    IntegrityError that says which share is spoilt, or that they are not of one key; it never repeats a word.
    """
    read = [_Read.of(share) for share in shares]
    expected = fingerprint or _fingerprint_on(shares)
    whole = [each for each in read if each is not None]
    threshold = max((each.threshold for each in whole), default=1)
    for some in combinations(whole, threshold):
        root = _combined(some)
        if root is not None and has_fingerprint(root.public_key, expected):
            return root
    spoilt = [str(place) for place, each in enumerate(read, start=1) if each is None]
    if spoilt:
        raise IntegrityError(f"Of the shares as given, number {', '.join(spoilt)} is spoilt: a word is wrong.")
    raise IntegrityError("These are not enough different shares of the key with this fingerprint.")


@dataclass(frozen=True, slots=True)
class _Read:
    """A share whose checksum holds."""

    words: str
    threshold: int

    @classmethod
    def of(cls, text: str) -> Self | None:
        words = " ".join(found.group(1).lower().split()) if (found := _WORDS.search(text)) else ""
        try:
            return cls(words, Share.from_mnemonic(words).member_threshold)
        except MnemonicError:
            return None


def _combined(shares: Sequence[_Read]) -> SigningKey | None:
    try:
        return SigningKey.of(Ed25519PrivateKey.from_private_bytes(combine_mnemonics([share.words for share in shares])))
    except (MnemonicError, ValueError):  # shares of two keys, the same share twice, a secret of another length
        return None


def _fingerprint_on(shares: Sequence[str]) -> str:
    written = {" ".join(found.group(1).split()) for share in shares if (found := _ROOT.search(share))}
    if len(written) != 1:
        raise IntegrityError("The shares do not name one root key: give its fingerprint.")
    return written.pop()


def _in_lines(words: str) -> str:
    apart = words.split()
    return "\n       ".join(" ".join(apart[start : start + 8]) for start in range(0, len(apart), 8))
