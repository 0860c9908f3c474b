"""How a played OpenDSR processor signs: properly, or as it was told to misbehave."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from services.sandbox.authority import issue, self_signed

if TYPE_CHECKING:
    from services.sandbox.authority import Signer
    from services.sandbox.state import Stage

PREFIXES = {1: "X-OpenGDPR", 2: "X-OpenDSR"}


class Seal:
    """The processor's key and certificates; `forge` signs something else, `impostor` has nobody's word for it."""

    def __init__(self, stage: Stage, name: str) -> None:
        """Start without a certificate: making one takes a while, and many a trial needs none."""
        self._stage = stage
        self._name = name
        self._settings = stage.config.addresses[name]
        self._proper: Signer | None = None
        self._impostor: Signer | None = None

    def rotate(self) -> None:
        """Sign with a new key from now on, issued by the authority in `sandbox.json`."""
        authority, key = self._settings["authority"], self._settings["authority_key"]
        signer = issue(authority, key, self._settings["domain"])
        with self._stage.lock:
            self._proper = signer

    @property
    def certificates(self) -> str:
        """The chain in PEM, the signing certificate first."""
        return self._signer().certificates

    def headers(self, body: bytes, version: int) -> dict[str, str]:
        """Return the headers for these exact bytes, under the names of that version."""
        forged = self._stage.takes(self._name, "signature") == "forge"
        return {
            "Content-Type": "application/json",
            f"{PREFIXES[version]}-Processor-Domain": self._settings["domain"],
            f"{PREFIXES[version]}-Signature": self._signer().sign(body + b" " if forged else body),
        }

    def _signer(self) -> Signer:
        with self._stage.lock:
            if self._stage.mood(self._name) == "impostor":
                self._impostor = self._impostor or self_signed(self._settings["domain"])
                return self._impostor
            if self._proper is None:
                self.rotate()
            return cast("Signer", self._proper)
