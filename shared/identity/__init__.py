"""Who an address or a number belongs to, in one form each, and as keyed values that say nothing by themselves."""

from __future__ import annotations

from shared.identity.addresses import normalise_email
from shared.identity.blind_index import BlindIndex, is_match
from shared.identity.numbers import normalise_phone
from shared.identity.references import References, is_ref

__all__ = ["BlindIndex", "References", "is_match", "is_ref", "normalise_email", "normalise_phone"]
