"""The intake as a web application of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.intake.answers.api import api as answers
from services.intake.api import api
from services.intake.reports.api import api as reports
from services.web import create_service_app
from shared.web import attempts, form_tokens

if TYPE_CHECKING:
    from flask import Flask

APIS = (api, answers, reports, form_tokens.api, attempts.api)


def create_app() -> Flask:
    """Return the application, from the environment."""
    return create_service_app("intake")
