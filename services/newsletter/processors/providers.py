"""Which programmes there are, by the name that the register gives their adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from services.newsletter.processors.laposta import Laposta
from services.newsletter.processors.mailchimp import Mailchimp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from services.newsletter.processors.interface import NewsletterProvider

PROVIDERS: Mapping[str, Callable[[Mapping[str, Any]], NewsletterProvider]] = {
    "laposta": Laposta.from_settings,
    "mailchimp": Mailchimp.from_settings,
}
"""From the register's settings to the programme; raises ConfigurationError for wrong ones."""
