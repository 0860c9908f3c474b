"""Empty databases of an installation: their tables are made once, and from then on each is a copy of the first."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import psycopg

from shared.database import Database
from shared.settings import SERVICES
from tests.servers.postgresql import make_planned

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import sqlalchemy as sa

    Part = tuple[sa.URL, Sequence[sa.MetaData]]

_files: dict[tuple[sa.Table, ...], bytes] = {}


def make_empty(wanted: Mapping[str, Sequence[sa.MetaData]]) -> None:
    """Make the tables of these databases, given by URL, where they are not; several may be schemas of one database."""
    together: dict[str, list[Part]] = defaultdict(list)
    for url, made_of in wanted.items():
        database = Database(url)
        if database.file is not None:
            _make_file(database, made_of)
        else:
            together[str(database.url.database)].append((database.url, made_of))
    for name, parts in together.items():
        kind = tuple((str(url.query), _tables(made_of)) for url, made_of in parts)
        if not make_planned(name, kind, lambda model, parts=parts: _make_model(model, parts)):
            _make_tables(parts)


def schemas(url: str) -> dict[str, str]:
    """Return the environment of an installation on one PostgreSQL database, a schema for each of its databases."""
    return {
        "DISCREET_DATABASE_URL": f"{url}?options=-csearch_path%3D{{service}}",
        "DISCREET_KEY_DATABASE_URL": f"{url}?options=-csearch_path%3D{{service}}_keys",
    }


def make_schemas(url: str) -> None:
    """Make those schemas."""
    with psycopg.connect(url, autocommit=True) as connection:
        for name in SERVICES:
            connection.execute(f"CREATE SCHEMA {name}")
            connection.execute(f"CREATE SCHEMA {name}_keys")


def _make_model(name: str, parts: Iterable[Part]) -> None:
    here = [(url.set(database=name), made_of) for url, made_of in parts]
    make_schemas(here[0][0].set(query={}).render_as_string(hide_password=False))
    _make_tables(here)


def _make_tables(parts: Iterable[Part]) -> None:
    for url, made_of in parts:
        database = Database(url.render_as_string(hide_password=False))
        for metadata in made_of:
            metadata.create_all(database.engine())
        database.close()


def _make_file(database: Database, made_of: Sequence[sa.MetaData]) -> None:
    file, tables = database.file, _tables(made_of)
    is_new = not file.exists()
    file.parent.mkdir(parents=True, exist_ok=True)
    if is_new and tables in _files:
        file.write_bytes(_files[tables])
        return
    _make_tables([(database.url, made_of)])
    if is_new:
        _files[tables] = file.read_bytes()


def _tables(made_of: Sequence[sa.MetaData]) -> tuple[sa.Table, ...]:
    return tuple(table for metadata in made_of for table in metadata.sorted_tables)
