"""Mailchimp: American, JSON both ways, webhooks one by one as forms."""

from services.newsletter.processors.mailchimp.adapter import Mailchimp
from services.newsletter.processors.mailchimp.settings import MailchimpSettings

__all__ = ["Mailchimp", "MailchimpSettings"]
