"""The loops of a service: move, apply, carry out, send mail, and do by the clock what is due."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING

from services import registry
from shared.bell import Bell
from shared.composition import build_applier, build_tools
from shared.database import Base
from shared.errors import ConfigurationError
from shared.jobs import run_due
from shared.log import configure_logging
from shared.loops import Crew, Loop, run_all
from shared.mail import send_due
from shared.messaging.embedded import EmbeddedMover
from shared.processors.checking import check_adapters
from shared.propagation.worker import ObligationWorker
from shared.restore.keeping import Keeper
from shared.settings import Settings
from shared.wakeups import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from shared.service import Service, Tools

OBLIGATION_THREADS = 4
_log = logging.getLogger(__name__)


def run(settings: Settings, name: str) -> None:
    """Work for service ``name``, or for all of them, until SIGTERM or SIGINT. Raises ConfigurationError."""
    if settings.embedded and name != "all":
        # It would carry this service's events to nobody, and mark them as moved.
        raise ConfigurationError("Without a broker (DISCREET_AMQP_URL) one worker works for all: `worker all`.")
    configure_logging()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    bell = Bell()
    services = registry.load_all()
    mine = services if name == "all" else {name: services[name]}
    tools = {each: build_tools(settings, each, bell=Bell(bell)) for each in mine}
    for each, service in mine.items():
        check_adapters(service, tools[each])
        tools[each].policy.check_tables(Base.metadata, service.metadata)
    keepers = [Keeper(services[each], tools[each]) for each in mine]
    if settings.embedded:
        loops = _embedded_loops(services, tools, bell)
    else:
        loops = _distributed_loops(settings, mine, tools, bell)
    # By a bell that nobody rings: a mark each second is enough, however much happens.
    loops = [*loops, Loop("marks", lambda: in_turn([each.step for each in keepers]), Bell(), patience=3600)]
    watcher = threading.Thread(
        target=watch, args=([each.database for each in tools.values()], stop), name="watch", daemon=True
    )
    watcher.start()
    gc.collect()
    gc.freeze()  # what was made at the start stays: nobody need look through it again
    _log.info("working", extra={"fields": {"services": sorted(mine), "loops": len(loops)}})
    run_all(loops, stop, _pulse(settings, name))
    try:
        in_turn([each.close for each in keepers])
    except Exception as error:  # noqa: BLE001 - an end is an end; the next start finds an older mark, which is harmless
        _log.warning("a last mark was not written", extra={"fields": {"because": type(error).__qualname__}})


def _pulse(settings: Settings, name: str) -> Path | None:
    """Return the file that shows a container's watcher that we live; the one-machine parent watches by itself."""
    if settings.embedded:
        return None
    directory = settings.home / "run"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return directory / f"worker-{name}.pulse"


def _embedded_loops(services: Mapping[str, Service], tools: Mapping[str, Tools], bell: Bell) -> Sequence[Loop]:
    """One pump for all services, an obligation thread for each, one for mail and one for timed jobs."""
    mover = EmbeddedMover(
        {name: each.database for name, each in tools.items()},
        registry.subscriptions(services),
        next(iter(tools.values())).clock,
    )
    moves = [partial(mover.move, name) for name in tools]
    appliers = [build_applier(services[name], each).apply for name, each in tools.items()]
    loops = [Loop("pump", lambda: in_turn([*moves, *appliers]), bell, ("outbox", "inbox"))]
    for name, each in tools.items():
        loops += _obligations(services[name], each, 1)
    return [*loops, _mail(tools, bell), _jobs(services, tools)]


def _distributed_loops(
    settings: Settings, services: Mapping[str, Service], tools: Mapping[str, Tools], bell: Bell
) -> Sequence[Loop]:
    """Per service a relay (one leads), a receiver, an applier, obligation threads, mail and timed jobs."""
    from services import broker  # noqa: PLC0415 - the embedded set-up never loads pika

    subscriptions = registry.subscriptions(registry.load_all())
    loops: list[Loop] = []
    for name, each in tools.items():
        loops += broker.loops(settings, each, subscriptions, bell)
        loops.append(Loop(f"apply {name}", _applying(services[name], each), bell, ("inbox",)))
        loops += _obligations(services[name], each, OBLIGATION_THREADS)
    return [*loops, _mail(tools, bell), _jobs(services, tools)]


def _applying(service: Service, tools: Tools) -> Callable[[], bool]:
    applier = build_applier(service, tools)
    return lambda: applier.apply() > 0


def in_turn(steps: Iterable[Callable[[], object]]) -> bool:
    """Take every step and return whether any found work; one that fails does not keep the others from their turn."""
    worked, failed = False, None
    for step in steps:
        try:
            worked = bool(step()) or worked
        except Exception as error:  # noqa: BLE001 - raised when all had their turn, and then the loop backs off
            failed = error
    if failed is not None:
        raise failed
    return worked


def _obligations(service: Service, tools: Tools, threads: int) -> Sequence[Loop]:
    crew = Crew(ObligationWorker(service, tools).find, tools.database.bell, "obligation")
    return crew.loops(f"obligations {service.name}", threads)


def _mail(tools: Mapping[str, Tools], bell: Bell) -> Loop:
    def sending(each: Tools) -> Callable[[], bool]:
        return lambda: not each.marks.restoring() and send_due(each, each.clock())

    senders = [sending(each) for each in tools.values()]
    return Loop("mail", lambda: in_turn(senders), bell, ("mail",))


def _jobs(services: Mapping[str, Service], tools: Mapping[str, Tools]) -> Loop:
    """By a bell that nobody rings: what is due by the clock is not so because something happened."""
    running = [partial(run_jobs, services[name], each) for name, each in tools.items()]
    return Loop("jobs", lambda: in_turn(running), Bell(), patience=3600)


def run_jobs(service: Service, tools: Tools) -> None:
    """Run what is due; nothing while a backup is put right, since it would act on what may have been erased since."""
    if not tools.marks.restoring():
        run_due(tools, service.jobs)


if __name__ == "__main__":
    try:
        run(Settings.from_environ(os.environ), sys.argv[1])
    except ConfigurationError as problem:
        print(f"discreet: {problem.detail}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
