"""What the register says about a group at MailerLite."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.newsletter.processors.interface import WebhookMode


@dataclass(frozen=True, kw_only=True)
class MailerLiteSettings:
    """What the register says; secrets are the content of their files.

    `list_id` is the number of a group, which is what MailerLite has for a list. `webhook_secret` holds the
    signing secrets of all webhooks, separated by white space.
    """

    api_key: str = field(repr=False)
    list_id: str
    base_url: str = "https://connect.mailerlite.com/api"
    first_name_field: str = "name"
    url_secret: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    webhook_mode: WebhookMode = "both"
    connect_seconds: float = 5.0
    read_seconds: float = 20.0
