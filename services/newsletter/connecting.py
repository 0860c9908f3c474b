"""Connecting a programme: secrets in their files, webhooks there, and something that happened there heard here."""

from __future__ import annotations

import secrets
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
import yaml

from services.newsletter import programmes
from services.newsletter.actions.heard import is_noted
from services.newsletter.records import tallies
from shared.errors import ConfigurationError, NotFoundError
from shared.keys.files import write_file
from shared.processors.interface import ProcessorTask, SubjectIdentifiers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from services.newsletter.processors.interface import NewsletterProvider, Webhook
    from shared.propagation.register import Processor
    from shared.service import Tools

OURS = ("url_secret", "webhook_secret")
PAUSE = 0.5  # seconds between two looks whether something came in


@dataclass(frozen=True, slots=True)
class SecretFiles:
    """Where the secrets of a programme's webhooks stand; ``made`` are those that this run wrote."""

    paths: Mapping[str, Path]
    made: frozenset[str]

    def learn(self, hooks: Iterable[Webhook], known: str) -> Path | None:
        """Add the secrets of webhooks to their file; return the file, or None when it had them all.

        What this run wrote only so that the file is there gives way; what stood there before stays, because other
        webhooks may still sign with it.
        """
        path = self.paths.get("webhook_secret")
        fresh = {hook.secret for hook in hooks if hook.secret} - set(known.split())
        if path is None or not fresh:
            return None
        kept = [] if "webhook_secret" in self.made else known.split()
        write_file(path, " ".join([*kept, *sorted(fresh)]).encode())
        return path


def prepare_secrets(register: Path, processor_id: str) -> SecretFiles:
    """Write a secret in each file that the register names for this programme and that is not there or empty.

    Raises NotFoundError, ConfigurationError.
    """
    try:
        said = yaml.safe_load(register.read_bytes())["processors"][processor_id].get("settings", {})
    except (KeyError, TypeError, AttributeError):
        raise NotFoundError("There is no such processor on the register.") from None
    except yaml.YAMLError:
        raise ConfigurationError(f"{register} is not valid YAML.") from None
    paths = {name: register.parent / str(said[f"{name}_file"]) for name in OURS if f"{name}_file" in said}
    made = {name for name, path in paths.items() if not path.exists() or not path.read_text(encoding="utf-8").strip()}
    for name in made:
        write_file(paths[name], secrets.token_urlsafe(24).encode())
    return SecretFiles(paths, frozenset(made))


def ensure_webhooks(tools: Tools, processor: Processor, files: SecretFiles) -> tuple[tuple[Webhook, ...], Path | None]:
    """Make or mend the webhooks; return those made, and the file that got a new secret, if one did.

    Raises OutsideError, and ConfigurationError for a webhook whose secret nobody can learn any more.
    """
    provider, url = programmes.telling_of(processor), programmes.callback_url(tools, processor)
    made = provider.ensure_webhooks(url)
    known = str(processor.settings.get("webhook_secret", ""))
    signs = processor.settings.get("webhook_mode", "both") != "url-secret"
    if provider.signs_with == "secret-shown-once" and not made and signs and "webhook_secret" in files.made:
        raise ConfigurationError("The webhook was there already and its secret was shown only once: remove it there.")
    ours = [hook for hook in provider.webhooks() if hook.url == url]
    return made, files.learn([*made, *ours], known)


def provoke(provider: NewsletterProvider, email: str, now: datetime) -> None:
    """Put an address of the clinic's own on the list and erase it again, which an echoing programme tells of.

    Raises ConfigurationError for an address that it has: whoever that is, is not to be erased for a test.
    """
    if provider.get_state(email) != "absent":
        raise ConfigurationError("The programme has the test address already: give another one.")
    subject = SubjectIdentifiers(email=email, first_name="Test")
    for action in ("subscribe", "erasure"):
        key = str(uuid.uuid4())
        provider.carry_out(
            ProcessorTask(decision_id=key, action=action, subject=subject, idempotency_key=key, requested_at=now)
        )


def heard_so_far(tools: Tools) -> int:
    """Return how much was ever taken in from programmes that post to us."""
    query = sa.select(sa.func.coalesce(sa.func.sum(tallies.c.number), 0)).where(tallies.c.name.like("webhook.%"))
    with tools.database.reading() as session:
        return int(session.scalar(query) or 0)


def wait_for(tools: Tools, processor: Processor, *, email: str | None, before: int, seconds: float) -> bool:
    """Wait until what was provoked for this address is heard, or without an address anything at all."""
    until = time.monotonic() + seconds
    while True:
        if _is_heard(tools, processor, email, before):
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(PAUSE)


def _is_heard(tools: Tools, processor: Processor, email: str | None, before: int) -> bool:
    if email is None:
        return heard_so_far(tools) > before
    with tools.database.reading() as session:
        return is_noted(session, tools, processor.id, tools.refs.emails(email))
