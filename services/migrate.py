"""Bringing every database to this release: two branches, the shared tables and the service's own, and the keys'."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import shared.jobs
import shared.mail
import shared.messaging.tables
import shared.processors.by_hand
import shared.processors.feed
import shared.processors.opendsr
import shared.propagation.tables
import shared.web.idempotency
import shared.web.rates  # noqa: F401 - every module with shared tables
from shared.clock import system_clock
from shared.database import Base, Database, insert_once
from shared.messaging.tables import incarnations
from shared.settings import ROOT, SERVICES, Settings
from shared.vault import KeyBase

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

MIGRATIONS = ROOT / "shared" / "migrations"


@dataclass(frozen=True, slots=True)
class Branch:
    """One line of revisions: its name, where they lie, and the tables they make."""

    name: str
    directory: Path
    metadata: sa.MetaData


def branches(service: str) -> Sequence[Branch]:
    """Return the branches of a service's data database."""
    own = import_module(f"services.{service}.service").SERVICE.metadata
    return (
        Branch("shared", MIGRATIONS / "versions", Base.metadata),
        Branch(service, ROOT / "services" / service / "migrations", own),
    )


KEY_BRANCHES = (Branch("keys", MIGRATIONS / "keys", KeyBase.metadata),)


def migrate(settings: Settings, names: Iterable[str] = SERVICES) -> None:
    """Bring the databases of these services to this release; a new one begins its first incarnation."""
    for name in names:
        _upgrade(_open(settings.database_url(name)), branches(name))
        _upgrade(_open(settings.key_database_url(name)), KEY_BRANCHES)
        _begin(Database(settings.database_url(name)))


def new_revision(settings: Settings, service: str, branch_name: str, message: str) -> None:
    """Write the revision that brings an up-to-date database of ``service`` to the tables as the code has them."""
    keys = branch_name == "keys"
    all_branches = KEY_BRANCHES if keys else branches(service)
    branch = next(each for each in all_branches if each.name == branch_name)
    database = _open(settings.key_database_url(service) if keys else settings.database_url(service))
    number = len(list(branch.directory.glob("*.py"))) + 1
    first = number == 1
    with database.engine().begin() as connection:
        command.revision(
            _config(connection, all_branches, branch),
            message=message,
            rev_id=f"{branch_name}_{number:03}",
            autogenerate=True,
            head="base" if first else f"{branch_name}@head",
            branch_label=branch_name if first else None,
            version_path=str(branch.directory),
            splice=first,
        )


def _upgrade(database: Database, all_branches: Sequence[Branch]) -> None:
    with database.engine().begin() as connection:
        _alone(connection)
        command.upgrade(_config(connection, all_branches), "heads")
    database.close()


def _alone(connection: sa.Connection) -> None:
    """Hold off whoever migrates the same database until this transaction ends: every service's start may."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext("discreet migrate"))))


def _open(url: str) -> Database:
    database = Database(url)
    if database.file is not None:
        database.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return database


def _config(connection: sa.Connection, all_branches: Sequence[Branch], wanted: Branch | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("file_template", "%%(rev)s")
    config.set_main_option("version_locations", "\n".join(str(branch.directory) for branch in all_branches))
    metadata = (wanted or all_branches[0]).metadata
    config.attributes.update(connection=connection, metadata=metadata, tables=set(metadata.tables))
    return config


def _begin(database: Database) -> None:
    with database.transaction() as session:
        _alone(session.connection())
        if session.scalar(sa.select(incarnations.c.id).limit(1)) is None:
            insert_once(session, incarnations, [{"id": str(uuid.uuid4()), "started_at": system_clock()}])
    database.close()
