"""What a system that runs has kept of a text: in every file, every row, every log, in whatever form it may hide."""

from __future__ import annotations

import base64
import hashlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from shared.settings import SERVICES

Place = tuple[str, bytes]
Row = Mapping[str, object]
LINE_ENDS = re.compile(rb"=?\r?\n")
"""What breaks words up in a mail: soft line ends of quoted-printable, and the lines of base64."""


def forms_of(text: str) -> dict[bytes, str]:
    """Return every form of a text that somebody could read back, with its name."""
    forms: dict[bytes, str] = {}
    for case in {text: "as it is", text.lower(): "in lower case", text.upper(): "in upper case"}.items():
        forms |= {octets: f"{name}, {case[1]}" for octets, name in _forms(case[0])}
    return forms


def digests_of(text: str) -> dict[bytes, str]:
    """Return the plain digests of a text: from one of an address the address can be guessed."""
    forms: dict[bytes, str] = {}
    for name in ("md5", "sha1", "sha256", "sha512"):
        digest = hashlib.new(name, text.encode(), usedforsecurity=False).digest()
        forms |= {
            digest: name,
            digest.hex().encode(): f"{name} in digits",
            base64.b64encode(digest): f"{name} in base64",
        }
    return forms


def found(forms: Mapping[bytes, str], places: Iterable[Place]) -> list[str]:
    """Return where any of the forms stands, and which."""
    where = []
    for name, content in places:
        is_text = b"\0" not in content[:4096]
        joined = LINE_ENDS.sub(b"", content) if is_text else b""
        where += [f"{name}: {form}" for octets, form in forms.items() if octets in content or octets in joined]
    return where


def _forms(text: str) -> Iterator[tuple[bytes, str]]:
    plain = text.encode()
    yield plain, "text"
    yield from ((text.encode(name), name) for name in ("utf-16-le", "utf-16-be", "utf-32-le"))
    yield from ((digits.encode(), "hexadecimal") for digits in (plain.hex(), plain.hex().upper()))
    yield "".join(f"%{each:02X}" for each in plain).encode(), "percent-encoded"
    yield "".join(f"={each:02X}" for each in plain).encode(), "quoted-printable"
    yield "".join(f"\\u{ord(each):04x}" for each in text).encode(), "escaped"
    yield from ((_in_base64(plain, start), f"base64 at {start}") for start in range(3))


def _in_base64(plain: bytes, start: int) -> bytes:
    """Return the part of the text's base64 that is the same whatever stands around it, ``start`` octets in."""
    coded = base64.b64encode(bytes(start) + plain)
    return coded[-(-start * 4 // 3) : (start + len(plain)) * 8 // 6].rstrip(b"=")


def files_below(directory: Path, *, but: Iterable[Path] = ()) -> Iterator[Place]:
    """Yield every file, names included; ``but`` are files and directories to leave out."""
    left_out = [path.resolve() for path in but]
    for path in sorted(directory.rglob("*")):
        whole = path.resolve()
        if path.is_file() and not any(whole == each or each in whole.parents for each in left_out):
            yield str(path.relative_to(directory)), str(path).encode() + b"\n" + _content(path)


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # a journal or a temporary file that went meanwhile
        return b""


@dataclass(frozen=True)
class Stored:
    """The databases of a system, read from outside: ``tables[service][table]`` are its rows by column."""

    tables: Mapping[str, Mapping[str, list[Row]]]

    def places(self) -> Iterator[Place]:
        """Yield every value of every row."""
        for service, tables in self.tables.items():
            for table, rows in tables.items():
                for row in rows:
                    for column, value in row.items():
                        content = bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()
                        yield f"{service}.{table}.{column}", content

    def rows(self, service: str, table: str) -> list[Row]:
        """Return the rows of a table."""
        return self.tables[service][table]


def read_sqlite(directory: Path) -> Stored:
    """Read every database file of a directory, whether or not a system runs on it."""
    return Stored({name: _sqlite_tables(directory / f"{name}.sqlite3") for name in SERVICES})


def _sqlite_tables(file: Path) -> dict[str, list[Row]]:
    connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    try:
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')] for name in names}  # noqa: S608
    finally:
        connection.close()


def read_postgresql(url: str, suffix: str) -> Stored:
    """Read the databases of every service on a server; ``suffix`` tells the key databases from the others."""
    return Stored({name: _postgresql_tables(url, f"discreet_{name}{suffix}") for name in SERVICES})


def _postgresql_tables(url: str, database: str) -> dict[str, list[Row]]:
    whole = urlsplit(url)._replace(path=f"/{database}").geturl()
    with psycopg.connect(whole, row_factory=dict_row) as connection:
        known = "SELECT tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        names = [row["tablename"] for row in connection.execute(known)]
        return {
            name: connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name))).fetchall()
            for name in names
        }
