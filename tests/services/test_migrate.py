"""Migrations make exactly the tables that the code has, on both databases."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services import migrate as migrations
from shared.database import Database
from shared.messaging.tables import incarnations
from shared.settings import ROOT, SERVICES, Settings
from tests.kit.installation import on_postgresql

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SETUPS = ["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("servers"))]


@pytest.fixture(params=SETUPS)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """An installation whose databases are new."""
    environ = {"DISCREET_MODE": "trial", "DISCREET_HOME": str(tmp_path)}
    if request.param == "postgresql":
        create: Callable[[], str] = request.getfixturevalue("postgres_url")
        environ |= on_postgresql(create())
    return Settings.from_environ({**os.environ, **environ})


@pytest.mark.parametrize("service", SERVICES)
def test_a_migrated_database_has_the_tables_of_the_code(settings: Settings, service: str) -> None:
    """Nothing is missing, nothing is left over, and no column is another than the code says."""
    migrations.migrate(settings, [service])
    own = sa.MetaData()
    for branch in migrations.branches(service):
        for table in branch.metadata.tables.values():
            table.to_metadata(own)
    assert _differences(settings.database_url(service), own) == []
    assert _differences(settings.key_database_url(service), migrations.KEY_BRANCHES[0].metadata) == []


def test_migrating_again_changes_nothing_and_begins_no_new_incarnation(settings: Settings) -> None:
    """A start after a start finds everything in its place."""
    counts = []
    for _ in range(2):
        migrations.migrate(settings, ["intake"])
        database = Database(settings.database_url("intake"))
        with database.reading() as session:
            counts.append(session.scalar(sa.select(sa.func.count()).select_from(incarnations)))
        database.close()
    assert counts == [1, 1]


def test_several_that_migrate_at_once_do_not_get_in_each_other_s_way(settings: Settings) -> None:
    """As containers that start together do: all come to their end, and the database begins one life."""
    urls = (settings.database_url_template, settings.key_database_url_template)
    environ = {"DISCREET_MODE": "trial", "DISCREET_HOME": str(settings.home)}
    if urls[0] is not None:
        environ |= dict(zip(("DISCREET_DATABASE_URL", "DISCREET_KEY_DATABASE_URL"), urls, strict=True))
    command = [sys.executable, "-m", "services.cli", "migrate", "--service", "intake"]
    several = [subprocess.Popen(command, env={**os.environ, **environ}, cwd=ROOT) for _ in range(3)]
    assert [each.wait() for each in several] == [0, 0, 0]
    database = Database(settings.database_url("intake"))
    with database.reading() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(incarnations)) == 1
    database.close()


def _differences(url: str, metadata: sa.MetaData) -> list[object]:
    database = Database(url)
    with database.engine().connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, kind, _: kind != "table" or name != "alembic_version"}
        )
        found = list(compare_metadata(context, metadata))
    database.close()
    return found
