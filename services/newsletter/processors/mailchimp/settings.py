"""What the register says about an audience at Mailchimp."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from services.newsletter.processors.interface import WebhookMode


@dataclass(frozen=True, kw_only=True)
class MailchimpSettings:
    """What the register says; secrets are the content of their files.

    An empty `base_url` is made from the data centre that ends the key. `webhook_secret` holds the
    signing secrets of all webhooks, separated by white space.
    """

    api_key: str = field(repr=False)
    list_id: str
    base_url: str = ""
    first_name_field: str = "FNAME"
    url_secret: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    webhook_mode: WebhookMode = "both"
    timezone: str = "UTC"
    connect_seconds: float = 5.0
    read_seconds: float = 20.0


def home_of(api_key: str) -> str:
    """Return the API's address: a key ends in its data centre."""
    centre = api_key.rpartition("-")[2]
    if not re.fullmatch(r"[a-z]{2,3}[0-9]{1,3}", centre):
        raise ConfigurationError("The key of Mailchimp does not end in a data centre, and base_url is not given.")
    return f"https://{centre}.api.mailchimp.com/3.0"
