"""The e-mail marketing programme that the register names, and how it is reached."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.newsletter.processors.laposta import Laposta
from services.newsletter.processors.mailchimp import Mailchimp
from shared.errors import NotFoundError, OutsideError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.newsletter.processors.interface import NewsletterProvider
    from shared.processors.interface import Adapter, Outcome, ProcessorTask
    from shared.propagation.register import Processor, Register
    from shared.service import Tools

PROGRAMMES: Mapping[str, type[Laposta | Mailchimp]] = {"laposta": Laposta, "mailchimp": Mailchimp}
"""By the adapter's name in the register."""

_log = logging.getLogger(__name__)


def active(register: Register) -> Processor | None:
    """Return the programme that new subscribers go to: the first on the register that is in use."""
    programmes = (each for each in register.of_owner("newsletter") if _is_programme(each))
    return next((each for each in programmes if each.status == "active"), None)


def find(register: Register, processor_id: str) -> Processor:
    """Return a programme, also one that has ended: what it still tells is heard. Raises NotFoundError."""
    processor = register.get(processor_id)
    if processor.owner != "newsletter" or not _is_programme(processor):
        raise NotFoundError("There is no such programme on the register.")
    return processor


def provider_of(processor: Processor) -> NewsletterProvider:
    """Return the adapter of a programme. Raises ConfigurationError."""
    return PROGRAMMES[processor.adapter].from_settings(processor.settings)


def callback_url(tools: Tools, processor: Processor) -> str:
    """Return the address that a programme's webhooks call; its last part is a secret."""
    secret = processor.settings.get("url_secret") or "-"
    return f"{tools.settings.public_url}/newsletter/v1/webhooks/{processor.id}/{secret}"


def adapter_of(tools: Tools, processor: Processor) -> Adapter:
    """Return what carries obligations out at a programme."""
    provider = provider_of(processor)
    return Played(provider, callback_url(tools, processor)) if tools.settings.mode == "trial" else provider


@dataclass(frozen=True, slots=True)
class Played:
    """A programme in a trial, where nobody sets webhooks up: they are made before the first person is given.

    In live an administrator makes them, because a new one comes with a signing secret of its own that has
    to be put in a file.
    """

    provider: NewsletterProvider
    callback_url: str

    def carry_out(self, task: ProcessorTask) -> Outcome:
        """Do the task; without webhooks as well, since those of the sandbox can be out of reach."""
        if task.action == "subscribe":
            try:
                self.provider.ensure_webhooks(self.callback_url)
            except OutsideError as error:
                _log.warning("the programme's webhooks were not made", extra={"fields": {"because": error.detail}})
        return self.provider.carry_out(task)


def _is_programme(processor: Processor) -> bool:
    return processor.adapter in PROGRAMMES
