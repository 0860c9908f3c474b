"""What the register says about a list at Brevo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from services.newsletter.processors.interface import WebhookMode


@dataclass(frozen=True, kw_only=True)
class BrevoSettings:
    """What the register says; secrets are the content of their files.

    `webhook_secret` is what Brevo shows us in a header of each delivery. It may hold several, separated by
    white space: any of them is believed, and a webhook that is made gets the last.
    """

    api_key: str = field(repr=False)
    list_id: str
    base_url: str = "https://api.brevo.com/v3"
    first_name_field: str = "FIRSTNAME"
    url_secret: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    webhook_mode: WebhookMode = "both"
    connect_seconds: float = 5.0
    read_seconds: float = 20.0


def list_number(list_id: str) -> int:
    """Return the number of a list. Raises ConfigurationError: a name would be found nowhere."""
    if not (list_id.isascii() and list_id.isdigit()):
        raise ConfigurationError("list_id in the register is the number that Brevo shows before the list's name.")
    return int(list_id)
