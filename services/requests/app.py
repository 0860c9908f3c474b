"""The requests service over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.requests.cases.api import api as cases
from services.requests.ledger.api import api as ledger
from services.requests.registers.api import api as registers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask

    from shared.web import Api

APIS: Sequence[Api] = (cases, ledger, registers)


def create_app() -> Flask:
    """Return this service as an app of its own, for ``gunicorn "services.requests.app:create_app()"``."""
    from services.web import create_service_app  # noqa: PLC0415 - it loads this module for its routes

    return create_service_app("requests")
