"""The dossier as a web application of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.web import create_service_app

if TYPE_CHECKING:
    from flask import Flask

    from shared.web import Api

APIS: tuple[Api, ...] = ()


def create_app() -> Flask:
    """Return the application, from the environment."""
    return create_service_app("dossier")
