"""`python -m services.sandbox`: the sandbox of the installation that the environment describes."""

from __future__ import annotations

import os
import sys

from services.sandbox.addresses import prepare
from services.sandbox.server import serve
from services.sandbox.state import SandboxConfig
from shared.errors import ConfigurationError
from shared.settings import Settings


def main() -> None:
    """Write `sandbox.json` and serve on the port after the installation's own, in trial mode only."""
    settings = Settings.from_environ(os.environ)
    if settings.mode != "trial":
        raise ConfigurationError("The sandbox plays processors for trials; a live installation has real ones.")
    port = settings.port + 1
    serve(SandboxConfig(addresses=prepare(settings.home, port), clock=settings.clock), port)


if __name__ == "__main__":
    try:
        main()
    except ConfigurationError as problem:
        sys.exit(problem.detail)
