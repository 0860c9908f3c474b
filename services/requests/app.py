"""The requests service over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.requests.cases.api import APIS as CASES
from services.requests.incidents.api import api as incidents
from services.requests.ledger.api import api as ledger
from services.requests.registers.api import api as registers
from services.requests.statement.api import api as statement
from services.web import create_service_app

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask

    from shared.web import Api

APIS: Sequence[Api] = (*CASES, incidents, ledger, registers, statement)


def create_app() -> Flask:
    """Return this service as an app of its own, for ``gunicorn "services.requests.app:create_app()"``."""
    return create_service_app("requests")
