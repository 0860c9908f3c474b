"""Our own web application with every limit off: what a call costs when it is not counted first."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from services.web import service_mount
from shared.composition import build_tools
from shared.log import configure_logging
from shared.settings import Settings
from shared.web.app import build_app

if TYPE_CHECKING:
    from flask import Flask


def create_app() -> Flask:
    """Return the intake."""
    configure_logging()
    settings = Settings.from_environ(os.environ)
    return build_app([service_mount("intake", build_tools(settings, "intake"))], limits=None)
