"""The e-mail marketing programme that the register names, and how it is reached."""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from services.newsletter.editions.origins import Vouching
from services.newsletter.processors.brevo import Brevo
from services.newsletter.processors.laposta import Laposta
from services.newsletter.processors.listmonk import Listmonk
from services.newsletter.processors.mailchimp import Mailchimp
from services.newsletter.processors.mailerlite import MailerLite
from shared.errors import NotFoundError, OutsideError
from shared.mail.mailbox import Mailbox
from shared.processors.interface import Done, NothingHeld, Retained, evidence_of
from shared.processors.settings import settings_from

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from services.newsletter.processors.interface import AskedProvider, NewsletterProvider, TellingProvider
    from shared.processors.interface import Adapter, Grade, Outcome, ProcessorTask
    from shared.propagation.register import Processor, Register
    from shared.service import Tools

TELLING: Mapping[str, type[Laposta | Mailchimp | Brevo | MailerLite]] = {
    "laposta": Laposta,
    "mailchimp": Mailchimp,
    "brevo": Brevo,
    "mailerlite": MailerLite,
}
"""Those that post to us what happens there, by the adapter's name in the register."""
ASKED: Mapping[str, type[Listmonk]] = {"listmonk": Listmonk}
"""Those that have to be asked."""
PROGRAMMES = (*TELLING, *ASKED)
SEED = "seed_"
"""How the settings of the seed mailbox begin, among those of the programme."""
VOUCHING = frozenset(each.name for each in fields(Vouching))

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
    return asked_of(processor) if processor.adapter in ASKED else telling_of(processor)


def telling_of(processor: Processor) -> TellingProvider:
    """Return the adapter of a programme that posts to us. Raises NotFoundError for one that does not."""
    if processor.adapter not in TELLING:
        raise NotFoundError("This programme has no webhooks.")
    return _telling(processor.adapter, tuple(_without_seed(processor).items()))


@lru_cache(maxsize=16)
def _telling(adapter: str, settings: tuple[tuple[str, str | int | bool], ...]) -> TellingProvider:
    """Read the settings once: it takes as long as checking who sent a webhook."""
    return TELLING[adapter].from_settings(dict(settings))


def asked_of(processor: Processor) -> AskedProvider:
    """Return the adapter of a programme that has to be asked."""
    return ASKED[processor.adapter].from_settings(_without_seed(processor))


def seed_of(processor: Processor) -> Mailbox | None:
    """Return the mailbox of a subscriber of ours in which a copy of each edition is looked at, where there is one.

    Raises ConfigurationError.
    """
    given = {name: each for name, each in _seed_settings(processor).items() if name not in VOUCHING}
    return Mailbox.from_settings(given) if given else None


def vouching_of(processor: Processor) -> Vouching:
    """Return who vouches for what lies in that mailbox. Raises ConfigurationError."""
    given = {name: each for name, each in _seed_settings(processor).items() if name in VOUCHING}
    return settings_from(Vouching, given)


def to_ask(register: Register) -> tuple[Processor, ...]:
    """Return the programmes that tell only when they are asked, also those that have ended."""
    return tuple(each for each in register.of_owner("newsletter") if each.adapter in ASKED)


def callback_url(tools: Tools, processor: Processor) -> str:
    """Return the address that a programme's webhooks call; its last part is a secret."""
    secret = processor.settings.get("url_secret") or "-"
    return f"{tools.settings.public_url}/newsletter/v1/webhooks/{processor.id}/{secret}"


def adapter_of(tools: Tools, processor: Processor) -> Adapter:
    """Return what carries obligations out at a programme."""
    if tools.settings.mode == "trial" and processor.adapter in TELLING:
        provider = telling_of(processor)
        return Programme(provider, partial(provider.ensure_webhooks, callback_url(tools, processor)))
    return Programme(provider_of(processor))


@dataclass(frozen=True, slots=True)
class Programme:
    """A programme as an obligation faces it: once for every address the decision knows the person by.

    In a trial nobody sets webhooks up, so they are made, by ``make_webhooks``, before the first person is given.
    In live an administrator makes them, because a new one comes with a signing secret that has to be put in a
    file.
    """

    provider: NewsletterProvider
    make_webhooks: Callable[[], object] | None = None

    def carry_out(self, task: ProcessorTask) -> Outcome:
        """Do the task at every address; it is done when it was done at one and nothing is left at the others."""
        if task.action == "subscribe" and self.make_webhooks:
            self._prepare(self.make_webhooks)
        first = self.provider.carry_out(task)
        others = [
            self.provider.carry_out(replace(task, subject=replace(task.subject, email=email, more_emails=())))
            for email in task.subject.more_emails
        ]
        return _together([first, *others]) if others else first

    def _prepare(self, make_webhooks: Callable[[], object]) -> None:
        try:
            make_webhooks()
        except OutsideError as error:
            _log.warning("the programme's webhooks were not made", extra={"fields": {"because": error.detail}})


def _together(outcomes: Sequence[Outcome]) -> Outcome:
    """Return one outcome for several addresses, known no better than the one that is known least well."""
    known = [outcome for outcome in outcomes if isinstance(outcome, Done | NothingHeld | Retained)]
    if len(known) < len(outcomes):
        return next(outcome for outcome in outcomes if outcome not in known)
    seen = [json.loads(outcome.evidence.document) for outcome in known]
    counts = sum((Counter(outcome.evidence.counts) for outcome in known), Counter())
    grade: Grade = "re-read" if all(outcome.evidence.grade == "re-read" for outcome in known) else "api-confirmed"
    evidence = evidence_of(grade, {"addresses": seen}, counts)
    if kept := [outcome for outcome in known if isinstance(outcome, Retained)]:
        return replace(max(kept, key=lambda each: each.until or date.max), evidence=evidence)
    return Done(evidence) if any(isinstance(outcome, Done) for outcome in known) else NothingHeld(evidence)


def _seed_settings(processor: Processor) -> dict[str, str | int | bool]:
    return {name.removeprefix(SEED): each for name, each in processor.settings.items() if name.startswith(SEED)}


def _without_seed(processor: Processor) -> dict[str, str | int | bool]:
    return {name: each for name, each in processor.settings.items() if not name.startswith(SEED)}


def _is_programme(processor: Processor) -> bool:
    return processor.adapter in PROGRAMMES
