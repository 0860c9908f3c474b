"""The web side: one service as an app of its own, or all of them and the console on one origin."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from services import registry
from shared.auth import verify_token
from shared.composition import build_tools
from shared.database import Base
from shared.errors import UnavailableError
from shared.log import configure_logging
from shared.mail.api import api as refused_mails
from shared.messaging import asyncapi
from shared.processors.by_hand.api import api as by_hand
from shared.processors.feed.api import api as feed
from shared.processors.opendsr.api import api as opendsr
from shared.restore.api import api as restore
from shared.settings import SERVICES, Settings
from shared.web.app import build_app
from shared.web.mounts import Mount

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from flask import Flask

    from shared.auth import Principal
    from shared.service import Tools


def create_app() -> Flask:
    """Return the embedded origin: every service under its path, and the console."""
    configure_logging()
    settings = Settings.from_environ(os.environ)
    mounts = [service_mount(name, build_tools(settings, name)) for name in SERVICES]
    mounts.append(import_module("services.console.app").console_mount(settings))
    return build_app(mounts, asyncapi=asyncapi.describe)


def create_service_app(name: str) -> Flask:
    """Return one service as an app of its own, under the same paths as in the embedded set-up."""
    configure_logging()
    settings = Settings.from_environ(os.environ)
    return build_app([service_mount(name, build_tools(settings, name))], asyncapi=asyncapi.describe)


def service_mount(name: str, tools: Tools) -> Mount:
    """Return a service's routes with what every service has: tokens, health, metrics, the policy.

    Raises ConfigurationError when a table of the service has no term (P33).
    """
    service = registry.load(name)
    tools.policy.check_tables(Base.metadata, service.metadata)
    module = import_module(f"services.{name}.app")
    templates = Path(str(module.__file__)).parent / "templates"
    return Mount(
        name=name,
        tools=tools,
        apis=(*module.APIS, by_hand, feed, opendsr, refused_mails, restore),
        authenticate=_authenticator(name, tools),
        templates=templates if templates.is_dir() else None,
        checks={"database": lambda: _check_database(tools)},
        policy=tools.policy.public,
        restoring=tools.marks.restoring,
    )


def _authenticator(name: str, tools: Tools) -> Callable[[str, datetime], Principal]:
    def authenticate(token: str, now: datetime) -> Principal:
        return verify_token(token, audience=name, roster=tools.roster.current(), now=now)

    return authenticate


def _check_database(tools: Tools) -> None:
    try:
        with tools.database.reading() as session:
            session.execute(sa.text("SELECT 1"))
    except sa.exc.SQLAlchemyError as error:
        raise UnavailableError("database") from error
