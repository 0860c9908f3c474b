"""The policy: one machine-readable file of terms, clocks, grounds and recipients that every service loads (P1)."""

from __future__ import annotations

from shared.policy.document import Policy

__all__ = ["Policy"]
