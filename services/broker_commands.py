"""What the broker holds, written down for it: committed without passwords, and at a start with their hashes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from services import registry
from shared.durable import write_whole
from shared.errors import ConfigurationError
from shared.messaging.rabbitmq.topology import definitions, password_hash
from shared.settings import SERVICES

if TYPE_CHECKING:
    from collections.abc import Mapping

READABLE = 0o644  # the broker has an account of its own; what is in the file opens nothing


@click.command("broker-definitions")
@click.option(
    "--secrets",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A directory with the password of each service in SERVICE-broker; without it nobody can sign in.",
)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: the screen.")
def broker_definitions(secrets: Path | None, out: Path | None) -> None:
    """Write what RabbitMQ loads at its start: exchange, queues, bindings, accounts and what each may do."""
    content = written(_hashes(secrets) if secrets else {})
    if out is None:
        click.echo(content, nl=False)
    else:
        write_whole(out, content.encode(), READABLE)


def written(password_hashes: Mapping[str, str]) -> str:
    """Return the definitions as the text of a file."""
    return json.dumps(definitions(registry.subscriptions(registry.load_all()), password_hashes), indent=2) + "\n"


def _hashes(secrets: Path) -> dict[str, str]:
    return {name: password_hash(_password(secrets / f"{name}-broker")) for name in SERVICES}


def _password(path: Path) -> str:
    try:
        password = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    if not password:
        raise ConfigurationError(f"{path} is empty.")
    return password
