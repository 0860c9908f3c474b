"""What the register says about a list at Laposta."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from services.newsletter.processors.interface import WebhookMode


@dataclass(frozen=True, kw_only=True)
class LapostaSettings:
    """What the register says; secrets are the content of their files.

    `webhook_secret` holds the signing secrets of all webhooks, separated by white space.
    """

    api_key: str = field(repr=False)
    list_id: str
    base_url: str = "https://api.laposta.nl/v2"
    first_name_field: str = "voornaam"
    url_secret: str = field(default="", repr=False)
    webhook_secret: str = field(default="", repr=False)
    webhook_mode: WebhookMode = "both"
    timezone: str = "Europe/Amsterdam"
    connect_seconds: float = 5.0
    read_seconds: float = 20.0
