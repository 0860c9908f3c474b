"""A clinic of four real services, whose processes die, whose events the test holds, and whose disks are put back."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from services import registry
from services.intake import actions as intake
from services.newsletter.programmes import Programme
from services.sandbox import addresses
from shared.clock import parse_utc
from shared.composition import build_applier, build_tools
from shared.errors import PermanentError, RetryableError
from shared.messaging.tables import inbox
from shared.processors.interface import SubjectIdentifiers
from shared.propagation.journal import Journal
from shared.propagation.register import Register
from shared.propagation.tables import issued_decisions
from shared.propagation.worker import ObligationWorker
from shared.restore import log
from shared.restore.keeping import Keeper
from shared.restore.log import DECISIONS
from shared.restore.marks import MarkFile, Marks
from shared.settings import CONFIG, ROOT, SERVICES
from tests.faults import parties
from tests.faults.fate import Died, Fate, Gate, Slow
from tests.faults.parties import Party, PlayedProgramme
from tests.kit.installation import Installation
from tests.kit.movers import Held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from shared.service import Service, Tools

PROGRAMMES = ("laposta", "mailchimp")
KEEPERS = ("medical-crm", "website-host", "bookkeeper", "mail-host")
DIED = object()


@dataclass
class World:
    """The installation, who it faces, and what can happen to it."""

    home: Path
    emails: tuple[str, ...]
    fate: Fate = field(default_factory=Fate)
    slow: list[Slow] = field(default_factory=list)
    proved: dict[str, str] = field(default_factory=dict)
    """The address that the identity check behind each decision proved."""
    keepers: dict[str, Keeper] = field(default_factory=dict)
    _registers: dict[str, Register] = field(default_factory=dict)
    _earlier: list[Tools] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Put everything together on an empty disk."""
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)
        self.register = self.home / "processors.yaml"
        text = (ROOT / CONFIG / "processors.trial.yaml").read_text(encoding="utf-8").split("#~  brevo:")[0]
        self.register.write_text(text.replace("#~", "").replace("always: true", "always: false"), encoding="utf-8")
        self.installation = Installation(
            self.home,
            {name: self._facing(registry.load(name)) for name in SERVICES},
            environ={"DISCREET_PROCESSORS": str(self.register), "DISCREET_PORT": "18000"},
            moved_by=Held,
        )
        self.clock, self.tools, self.mover = (
            self.installation.clock,
            self.installation.tools,
            self.installation.mover,
        )
        programmes = {each: PlayedProgramme(each, self.fate, self.clock) for each in PROGRAMMES}
        keepers = {each: parties.Keeper(each, self.fate, self.clock) for each in KEEPERS}
        self.parties: dict[str, Party] = {**programmes, **keepers}
        for name in SERVICES:
            self.tools[name] = self._given_to_fate(self.tools[name])

    def _facing(self, service: Service) -> Service:
        adapters: dict[str, Any] = {
            **dict.fromkeys(PROGRAMMES, lambda _tools, processor: Programme(self.parties[processor.id])),
            **dict.fromkeys(("opendsr", "by_hand"), lambda _tools, processor: self.parties[processor.id]),
        }
        return replace(service, adapters={**service.adapters, **adapters})

    def _given_to_fate(self, tools: Tools) -> Tools:
        self.fate.rule(tools.name, tools.database)
        self.fate.rule(tools.name, tools.key_database)
        said = self.register.read_text(encoding="utf-8")
        if said not in self._registers:  # reading it takes longer than all the rest of a start
            self._registers[said] = Register.load(self.register, sandbox=addresses.load(self.home))
        marks = Marks(
            MarkFile(tools.settings.journal, tools.name),
            tools.database,
            tools.key_database,
            on_change=tools.vault.forget_reserve,
            seconds=count(step=10).__next__,  # it looks every time, so that a life can be lived again
        )
        tools = replace(tools, register=self._registers[said], claims=Claims(self, tools.name), marks=marks)
        self.keepers[tools.name] = Keeper(self.installation.services[tools.name], tools)
        return tools

    # Processes

    def start(self, name: str) -> None:
        """Start a service anew, as after a crash: nothing of it is left in memory."""
        self.tools[name].close()
        self._earlier.append(self.tools[name])
        self.tools[name] = self._given_to_fate(build_tools(self.installation.settings, name, clock=self.clock))

    def do(self, name: str, step: Callable[[Tools], Any], dies: int | None = None) -> Any:
        """Have a process of a service do something, and die on the way at so many commits and calls from here.

        Returns what the step returns, or DIED.
        """
        self.fate.left = dies
        try:
            return step(self.tools[name])
        except Died:
            self.start(name)
            return DIED
        finally:
            self.fate.left = None

    def visit(self, name: str, step: Callable[[Tools], Any], dies: int | None = None) -> Any:
        """The same for who asks something of a service; it refuses while it catches up, and then nothing is done."""
        return DIED if self.is_restoring(name) else self.do(name, step, dies)

    def apply(self, name: str, dies: int | None = None) -> None:
        """Apply a service's whole inbox."""

        def step(tools: Tools) -> None:
            applier = build_applier(self.installation.services[name], tools)
            while applier.apply():
                pass

        self.do(name, step, dies)

    def work(self, name: str, dies: int | None = None) -> bool:
        """Carry out one obligation of a service; return whether there was one."""
        return True is self.do(
            name, lambda tools: ObligationWorker(self.installation.services[name], tools).work(), dies
        )

    def settle(self) -> None:
        """Let everything happen that can happen now; like the installation's own, but asks only where there is any."""
        for _ in range(500):
            moved = self.mover.move()
            for name in SERVICES:
                if self.is_restoring(name):
                    self.keep(name)
                    moved = True
                if self._is_there(name, "inbox", "waiting"):
                    self.apply(name)
            worked = [name for name in SERVICES if self._is_there(name, "obligations", "open", "claimed", "asked")]
            if not any([self.work(name) for name in worked]) and not moved:  # noqa: C419 - each has its turn
                return
        raise AssertionError("it does not come to rest")

    def _is_there(self, name: str, table: str, *states: str) -> bool:
        wanted = sa.select(sa.literal_column("1")).select_from(sa.table(table, sa.column("state")))
        with self.tools[name].database.reading() as session:
            found = session.execute(wanted.where(sa.column("state").in_(states)).limit(1))
            return found.first() is not None

    def work_slowly(self, name: str, when: str) -> None:
        """Begin to carry out one obligation, in another thread, which is held up at the processor if it gets there."""
        gate = Gate(when)
        for party in self.parties.values():
            party.gate = gate
        worker = ObligationWorker(self.installation.services[name], self.tools[name])
        held = Slow.begin(gate, worker.work)
        for party in self.parties.values():
            party.gate = None
        if held:
            self.slow.append(held)

    def let_go(self, *, only_before: bool = False) -> None:
        """Let the calls that are held up come to an end: no call lasts longer than a lease."""
        for held in [each for each in self.slow if not only_before or each.gate.when == "before"]:
            held.let_go()
            self.slow.remove(held)

    def job(self, name: str, wanted: str, dies: int | None = None) -> None:
        """Run a timed job of a service; not while it catches up."""
        if self.is_restoring(name):
            return
        jobs = [each for each in self.installation.services[name].jobs if wanted in each.name]
        for each in jobs:
            self.do(name, lambda tools, each=each: each.run(tools, self.clock()), dies)

    # Disks

    def keep(self, name: str, dies: int | None = None) -> None:
        """Write a service's mark, or go one step further with putting right what was put back."""
        self.do(name, lambda _tools: self.keepers[name].keep(), dies)

    def is_restoring(self, name: str) -> bool:
        """Tell whether a service was put back and has not caught up: it says so to whoever asks for what is stored."""
        return self.tools[name].marks.restoring()

    def copy_of(self, name: str) -> dict[str, Path]:
        """Copy the two databases of a service, as a backup does; return where to."""
        copies = {}
        for number, database in enumerate((self.tools[name].database, self.tools[name].key_database)):
            target = self.home / "backup" / f"{name}-{number}"
            target.parent.mkdir(exist_ok=True)
            target.unlink(missing_ok=True)
            engine = database.engine("read")
            connection, copy = engine.raw_connection(), engine.dialect.loaded_dbapi.connect(target)
            connection.driver_connection.backup(copy)
            copy.close()
            connection.close()
            copies[str(database.file)] = target
        return copies

    def put_back(self, name: str, copies: dict[str, Path]) -> None:
        """End a service, replace its databases by copies from before, and start it again."""
        self.let_go()
        self.keep(name)  # as at every second and at every end
        self.tools[name].close()
        for file, copy in copies.items():
            for end in ("-wal", "-shm"):
                Path(f"{file}{end}").unlink(missing_ok=True)
            shutil.copyfile(copy, file)
        self.start(name)

    def known_elsewhere(self, name: str) -> set[str]:
        """Return the events of decisions that do not stand in the databases of this service alone."""
        known = {line["event_id"] for line in Journal(self.installation.settings.journal).read()}
        known |= {event.event_id for _, event in self.mover.all()}
        for other in [each for each in SERVICES if each != name]:
            with self.tools[other].database.reading() as session:
                known |= set(session.scalars(sa.select(inbox.c.event_id).where(DECISIONS)))
        return known

    # The register

    def enrol(self, processor: str, status: str) -> None:
        """Put a processor's status on the register; every service starts again with that."""
        self.let_go()
        lines = self.register.read_text(encoding="utf-8").split("\n")
        at = next(number for number, line in enumerate(lines) if line.startswith(f"  {processor}:"))
        here = next(number for number in range(at, len(lines)) if lines[number].startswith("    status:"))
        lines[here] = f"    status: {status}"
        self.register.write_text("\n".join(lines), encoding="utf-8")
        for name in SERVICES:
            self.start(name)

    def is_in_use(self, processor: str) -> bool:
        """Tell whether the register still names a processor as one that gets data."""
        return processor != "" and self.tools["newsletter"].register.get(processor).status == "active"

    def close(self) -> None:
        """Let go of everything, also of what a slow call opened that went on after its service had started anew."""
        self.let_go()
        for tools in self._earlier:
            tools.close()
        self.installation.close()


@dataclass
class Claims:
    """The claim check without HTTP: the intake's own answer, and what the identity check proved."""

    world: World
    name: str

    def fetch(self, service: str, claim: str) -> dict[str, Any]:
        assert service == "intake"
        self._refuse_restoring("intake")
        tools = self.world.tools["intake"]
        with tools.database.reading() as session:
            return intake.claim(session, tools, claim)

    def identifiers(self, decision: str) -> SubjectIdentifiers:
        self._refuse_restoring("requests")
        with self.world.tools["requests"].database.reading() as session:
            closed = sa.select(issued_decisions.c.closed_at).where(issued_decisions.c.decision == decision)
            if decision not in self.world.proved or session.scalar(closed) is not None:
                raise PermanentError("the person of this decision can no longer be asked for")
        return SubjectIdentifiers(email=self.world.proved[decision])

    def ask_pages(self, service: str, path: str, params: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
        assert path == "decision-log"
        tools = self.world.tools[service]
        standing = tools.marks.look()
        if standing is not None and not standing.may_tell:
            raise RetryableError(f"the {service} service answered 503")
        with tools.database.reading() as session:
            yield from log.page(session, self.name, parse_utc(params["since"]), after=0, limit=10_000)

    def _refuse_restoring(self, service: str) -> None:
        if self.world.is_restoring(service):
            raise RetryableError(f"the {service} service answered 503")
