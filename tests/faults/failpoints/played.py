"""Processors that a test plays, and what they were asked: in a file, which outlives the process that asked."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from services import registry
from shared.errors import RetryableError
from shared.processors.interface import Done, Pending, evidence_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from shared.messaging.applier import Delivery
    from shared.processors.interface import Outcome, ProcessorTask
    from shared.propagation.register import Processor
    from shared.service import Service, Tools

ADAPTERS = ("laposta", "opendsr", "by_hand")
ERASURE = "discreet.decision.erasure.v1"
STUMBLES = 2
"""Once in the batch and once alone, which is noted as a failure."""


class StumbleError(Exception):
    """What the newsletter says to the erasure at first."""


@dataclass(frozen=True, slots=True)
class Book:
    """Every call that came to a processor, a line each, the first first."""

    path: Path

    def note(self, **line: str) -> None:
        """Write one line."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def lines(self, **wanted: str) -> list[dict[str, str]]:
        """Return the lines with these values."""
        if not self.path.exists():
            return []
        lines = [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]
        return [line for line in lines if wanted.items() <= line.items()]


@dataclass(frozen=True, slots=True)
class Played:
    """A processor that does what it is asked, and the same order only once.

    The website's host takes an erasure in and answers later; Laposta is away when it is first asked for one.
    """

    book: Book
    tools: Tools
    processor: str

    def carry_out(self, task: ProcessorTask) -> Outcome:
        """Do one task, or say where it stands."""
        order = {"processor": self.processor, "order": task.idempotency_key, "action": task.action}
        order |= {"email": str(task.subject.email)}
        if self.processor == "website-host" and not task.state:
            self.book.note(**order, said="pending")
            return Pending(self.tools.clock() + timedelta(minutes=1), {"ticket": task.idempotency_key})
        if self.processor == "laposta" and task.action == "erasure" and not self.book.lines(**order):
            self.book.note(**order, said="away")
            raise RetryableError("Laposta is away")
        self.book.note(**order, said="done")
        return Done(evidence_of("api-confirmed", {"done": 1}))


def services(book: Book) -> Mapping[str, Service]:
    """Return every service as it is, but for the processors; and the newsletter stumbles over an erasure at first."""

    def adapter(tools: Tools, processor: Processor) -> Played:
        return Played(book, tools, processor.id)

    def stumble(_session: Session, _tools: Tools, _delivery: Delivery) -> None:
        if len(book.lines(processor="", action="stumble")) < STUMBLES:
            book.note(processor="", action="stumble")
            raise StumbleError

    made = {
        name: replace(service, adapters={**service.adapters, **dict.fromkeys(ADAPTERS, adapter)})
        for name, service in registry.load_all().items()
    }
    handlers = made["newsletter"].handlers
    handlers = {**handlers, ERASURE: (stumble, *handlers[ERASURE])}
    return {**made, "newsletter": replace(made["newsletter"], handlers=handlers)}
