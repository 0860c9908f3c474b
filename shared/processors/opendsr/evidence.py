"""What a receipt shows of a signed answer: the raw bytes, the signature and the chain, for anybody to check again."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from shared.clock import utc_text
from shared.processors.interface import evidence_of
from shared.processors.opendsr.signatures import as_pem, fingerprints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.processors.interface import Evidence
    from shared.processors.opendsr.party import Proof

PLAIN = frozenset(
    {
        "api_version",
        "controller_id",
        "expected_completion_time",
        "request_status",
        "results_count",
        "status_callback_url",
        "subject_request_id",
    }
)
"""The fields of a status that say nothing of a person."""

LARGEST = 4096

CHECKED = (
    "the signature over the raw body (RSA, SHA-256)",
    "the domain in the header is that of the register and stands in the certificate",
    "the certificate was within its time, not self-signed, and issued by the authority on the register",
)
NOT_CHECKED = ("whether the certificate was revoked",)


def shown(proof: Proof, *, source: str, request_id: str) -> dict[str, Any]:
    """Return what is kept of a final answer; ``source`` is ``callback`` or ``status``.

    An answer that holds more than a status should hold is kept as a digest only, because a receipt is kept for
    decades and personal data have no place in it.
    """
    body = proof.signed.body
    return {
        "protocol": "OpenDSR 2.0",
        "source": source,
        "subject_request_id": request_id,
        **({"body": base64.b64encode(body).decode()} if is_plain(body) else {"body_left_out": "more than a status"}),
        "body_sha256": hashlib.sha256(body).hexdigest(),
        "x_opendsr_processor_domain": proof.signed.domain,
        "x_opendsr_signature": base64.b64encode(proof.signed.signature).decode(),
        "padding": proof.settings.padding,
        "certificates": as_pem(proof.certificates),
        "authority_sha256": fingerprints(proof.settings.authority),
        "checked": list(CHECKED),
        "not_checked": list(NOT_CHECKED),
        "checked_at": utc_text(proof.at),
    }


def evidence(kept: Mapping[str, Any]) -> Evidence:
    """Return the evidence of what was kept: without the signed bytes nobody else can check the signature."""
    return evidence_of("processor-signed" if "body" in kept else "api-confirmed", kept)


def is_plain(body: bytes) -> bool:
    """Whether a JSON object holds a status and nothing that could be somebody's: no further field, no address."""
    pairs = json.loads(body, object_pairs_hook=list) if len(body) <= LARGEST else [("", "too large")]
    return all(
        value is None or (name in PLAIN and not isinstance(value, list) and "@" not in str(value))
        for name, value in pairs
    )
