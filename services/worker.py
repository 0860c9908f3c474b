"""The loops of a service: move, apply, carry out, send mail, and do by the clock what is due."""

from __future__ import annotations

import logging
import signal
import threading
from typing import TYPE_CHECKING

from services import registry
from shared.bell import Bell
from shared.composition import build_applier, build_tools
from shared.jobs import run_due
from shared.log import configure_logging
from shared.loops import Loop, run_all
from shared.mail import send_due
from shared.messaging.embedded import EmbeddedMover
from shared.propagation.worker import ObligationWorker
from shared.wakeups import watch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from shared.messaging.applier import Applier
    from shared.service import Service, Tools
    from shared.settings import Settings

_log = logging.getLogger(__name__)


def run(settings: Settings, name: str) -> None:
    """Work for service ``name``, or for all of them, until SIGTERM or SIGINT."""
    configure_logging()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    bell = Bell()
    services = registry.load_all()
    mine = services if name == "all" else {name: services[name]}
    tools = {each: build_tools(settings, each, bell=bell) for each in mine}
    loops = _embedded_loops(services, tools, bell) if settings.embedded else _distributed_loops(settings, mine, tools)
    watcher = threading.Thread(
        target=watch, args=([each.database for each in tools.values()], stop), name="watch", daemon=True
    )
    watcher.start()
    _log.info("working", extra={"fields": {"services": sorted(mine), "loops": len(loops)}})
    run_all(loops, stop)


def _embedded_loops(services: Mapping[str, Service], tools: Mapping[str, Tools], bell: Bell) -> Sequence[Loop]:
    """One pump for all services, an obligation thread for each, one for mail and one for timed jobs."""
    mover = EmbeddedMover(
        {name: each.database for name, each in tools.items()},
        registry.subscriptions(services),
        next(iter(tools.values())).clock,
    )
    appliers = {name: build_applier(services[name], tools[name]) for name in tools}
    return [
        Loop("pump", lambda: pump(mover, appliers), bell),
        *(_obligations(services[name], tools[name], 1, bell) for name in tools),
        _mail(tools, bell),
        _jobs(services, tools, bell),
    ]


def _distributed_loops(
    settings: Settings, services: Mapping[str, Service], tools: Mapping[str, Tools]
) -> Sequence[Loop]:
    raise NotImplementedError(settings, services, tools)


def pump(mover: EmbeddedMover, appliers: Mapping[str, Applier]) -> bool:
    """Move and apply once around; return whether anything was there."""
    moved = sum(mover.move(name) for name in appliers)
    applied = sum(applier.apply() for applier in appliers.values())
    return bool(moved or applied)


def _obligations(service: Service, tools: Tools, number: int, bell: Bell) -> Loop:
    return Loop(f"obligations {service.name} {number}", ObligationWorker(service, tools).work, bell)


def _mail(tools: Mapping[str, Tools], bell: Bell) -> Loop:
    def step() -> bool:
        return any([send_due(each, each.clock()) for each in tools.values()])  # noqa: C419 - each has its turn

    return Loop("mail", step, bell)


def _jobs(services: Mapping[str, Service], tools: Mapping[str, Tools], bell: Bell) -> Loop:
    def step() -> bool:
        for name, each in tools.items():
            run_due(each, services[name].jobs)
        return False

    return Loop("jobs", step, bell, patience=3600)
