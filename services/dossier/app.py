"""The dossier as a web application of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.dossier.api.clients import api as clients
from services.dossier.api.contacts import api as contacts
from services.dossier.api.invoices import api as invoices
from services.dossier.api.transfers import api as transfers
from services.web import create_service_app

if TYPE_CHECKING:
    from flask import Flask

APIS = (clients, contacts, invoices, transfers)


def create_app() -> Flask:
    """Return the application, from the environment."""
    return create_service_app("dossier")
