"""One person among a thousand and among a million: looking them up, and erasing them, must take as long.

The newsletter holds that many subscriptions, each with its data key, and one subscriber in ten has a decision behind
them that has left its marks in inbox, outbox, obligations and receipts. Lookup is an inquiry's own-store part as the
applier does it; an erasure goes from the inbox to its receipt. Both are carried out in this process, one at a time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import sqlalchemy as sa

from services.newsletter.records import Subscription
from shared.composition import build_applier
from shared.messaging import inbox as inboxes
from shared.messaging.outbox import StoredEvent
from shared.messaging.tables import MOVED, inbox, outbox
from shared.propagation.tables import obligations, receipts
from shared.propagation.worker import ObligationWorker
from shared.vault.tables import data_keys
from tests.bench import events
from tests.bench.bench import SHOWN, Bench
from tests.bench.events import Row
from tests.bench.measuring import Bar, Figure, in_turns
from tests.bench.multitude import multiply
from tests.bench.place import Place

NAME = "subjects"
BAR = Bar(1.3, 1.1, at_most=True)
SIZES = (1_000, 100_000, 1_000_000)
EACH = 20  # people a turn
NEWSLETTER = "newsletter"


def measure(bench: Bench) -> Iterator[Figure]:
    """Measure every size in turns, on one database after the other."""
    for database in bench.databases:
        with ExitStack() as stack:
            sizes = [bench.number(size) for size in SIZES]
            bench.say(f"{NAME}: filling {SHOWN[database]}")
            crowds = [Crowd(stack.enter_context(Place(bench, database)), size) for size in sizes]
            rounds = in_turns([crowd.turn for crowd in crowds], bench.pairs)
        for number, what in enumerate(("lookup", "erasure")):
            smallest = [each[0][number] for each in rounds]
            for size, taken in zip(sizes[1:], list(zip(*rounds, strict=True))[1:], strict=True):
                seconds = [each[number] for each in taken]
                yield Figure(
                    NAME,
                    f"{what} of one among {size:,} ÷ among {sizes[0]:,}, {SHOWN[database]}",
                    [many / few for many, few in zip(seconds, smallest, strict=True)],
                    bar=BAR,
                    ours=f"{sorted(seconds)[len(seconds) // 2] * 1000:.1f} ms",
                    floor=f"{sorted(smallest)[len(smallest) // 2] * 1000:.1f} ms",
                )


@dataclass
class Crowd:
    """A newsletter with many subscribers."""

    place: Place
    size: int

    def __post_init__(self) -> None:
        """Fill it: the databases make the rows themselves out of one that is real."""
        installation = self.place.installation
        self._tools = installation.tools[NEWSLETTER]
        self._applier = build_applier(installation.services[NEWSLETTER], self._tools)
        self._worker = ObligationWorker(installation.services[NEWSLETTER], self._tools)
        self._answer(events.erasures(installation, events.subscribers(installation, 1)))
        events.subscribers(installation, 1)
        with self._tools.database.transaction() as session:
            session.execute(sa.update(outbox).values(state=MOVED))
        multiply(self._tools.key_database, {data_keys: self.size})
        history = dict.fromkeys((inbox, outbox, obligations, receipts), self.size // 10)
        multiply(self._tools.database, {Subscription.__table__: self.size, **history})

    def turn(self) -> tuple[float, float]:
        """Look a few people up and erase others; return the seconds that one took."""
        looked_up = self._answer(self._decided("inquiry"))
        erased = self._answer(self._decided("erasure"))
        return looked_up / EACH, erased / EACH

    def _decided(self, kind: str) -> Sequence[Row]:
        people = events.subscribers(self.place.installation, EACH)
        decided = events.inquiries if kind == "inquiry" else events.erasures
        return decided(self.place.installation, people)

    def _answer(self, rows: Sequence[Row]) -> float:
        """Take decisions in one at a time and answer them; return how long that took."""
        took = 0.0
        for row in rows:
            event = StoredEvent(*(str(row[name]) for name in ("event_id", "type", "body", "signature", "key_id")))
            began = time.perf_counter()
            with self._tools.database.transaction() as session:
                inboxes.store(session, [event], now=self._tools.clock())
            if self._applier.apply() != 1 or not self._worker.work():
                raise RuntimeError("it was not answered")
            took += time.perf_counter() - began
        return took
