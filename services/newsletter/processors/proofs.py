"""How a webhook proves where it comes from: a secret in its address, a signature over its body, or both."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from shared.errors import ConfigurationError, UnauthenticatedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from services.newsletter.processors.interface import WebhookMode


def check_mode(mode: str, *, url_secret: str, signing_secret: str) -> None:
    """Raise ConfigurationError when the mode is unknown or a secret it needs is not given."""
    if mode not in ("signed", "url-secret", "both"):
        raise ConfigurationError("webhook_mode in the register is 'signed', 'url-secret' or 'both'.")
    if mode != "signed" and not url_secret:
        raise ConfigurationError(f"webhook_mode {mode!r} in the register needs url_secret.")
    if mode != "url-secret" and not signing_secret:
        raise ConfigurationError(f"webhook_mode {mode!r} in the register needs webhook_secret.")


def proven(mode: WebhookMode, *, expected: str, presented: str, signature: Callable[[], str | None]) -> tuple[str, ...]:
    """Return the proofs that matched; `signature` names the form of a signature that holds, or gives None.

    Raises UnauthenticatedError when a proof that the mode asks for is missing or wrong.
    """
    proofs: list[str] = []
    if mode != "signed":
        if not same(expected, presented):
            raise UnauthenticatedError("The address of the webhook is not the one we gave.")
        proofs.append("url-secret")
    if mode != "url-secret":
        form = signature()
        if form is None:
            raise UnauthenticatedError("The webhook carries no signature that holds.")
        proofs.append(form)
    return tuple(proofs)


def same(expected: str, presented: str) -> bool:
    """Compare two secrets in constant time; an empty expectation never matches."""
    matches = hmac.compare_digest(expected.encode(), presented.encode("utf-8", "surrogatepass"))
    return matches and bool(expected)


def mac(secret: str, content: bytes) -> bytes:
    """Return the HMAC-SHA256 of `content`."""
    return hmac.digest(secret.encode(), content, "sha256")
