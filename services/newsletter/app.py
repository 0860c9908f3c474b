"""The newsletter as a web application of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.newsletter.api.links import api as links
from services.newsletter.api.subscriptions import api as subscriptions
from services.newsletter.api.webhooks import api as webhooks
from services.newsletter.editions.api import api as editions
from services.web import create_service_app
from shared.web import attempts, form_tokens

if TYPE_CHECKING:
    from flask import Flask

APIS = (subscriptions, links, webhooks, editions, form_tokens.api, attempts.api)


def create_app() -> Flask:
    """Return the application, from the environment."""
    return create_service_app("newsletter")
