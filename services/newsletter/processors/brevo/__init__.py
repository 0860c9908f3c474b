"""Brevo: JSON both ways, a blocklist for the whole account, webhooks that repeat our own acts and are not signed."""

from services.newsletter.processors.brevo.adapter import Brevo
from services.newsletter.processors.brevo.settings import BrevoSettings

__all__ = ["Brevo", "BrevoSettings"]
