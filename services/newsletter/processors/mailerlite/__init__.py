"""MailerLite (not Classic): JSON both ways, webhooks in batches, a deletion that takes thirty days, and no way back."""

from services.newsletter.processors.mailerlite.adapter import MailerLite
from services.newsletter.processors.mailerlite.settings import MailerLiteSettings

__all__ = ["MailerLite", "MailerLiteSettings"]
