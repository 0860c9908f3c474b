"""Laposta: Dutch, form bodies in and JSON out, webhooks in batches."""

from services.newsletter.processors.laposta.adapter import Laposta
from services.newsletter.processors.laposta.settings import LapostaSettings

__all__ = ["Laposta", "LapostaSettings"]
