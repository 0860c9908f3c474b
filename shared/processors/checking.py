"""What a start makes sure of: every processor on the register can be reached by the adapter that it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from shared.propagation.register import Processor
    from shared.service import Service, Tools


def check_adapters(service: Service, tools: Tools) -> None:
    """Make the adapter of each processor that the service faces, also of one that ended: it is still told.

    Nobody is called. Raises ConfigurationError that names every processor whose adapter or settings cannot be used.
    """
    problems = [_problem(service, tools, processor) for processor in tools.register.of_owner(service.name)]
    if wrong := [each for each in problems if each is not None]:
        raise ConfigurationError("\n".join([f"{tools.settings.processors} cannot be used:", *wrong]))


def _problem(service: Service, tools: Tools, processor: Processor) -> str | None:
    factory = service.adapters.get(processor.adapter)
    if factory is None:
        known = ", ".join(sorted(service.adapters))
        return f"  processors.{processor.id}.adapter: {service.name} has {known}; not {processor.adapter}."
    try:
        factory(tools, processor)
    except ConfigurationError as error:
        return f"  processors.{processor.id}.settings: {error.detail}"
    return None
