"""What the register says about a list of listmonk."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class ListmonkSettings:
    """What the register says; `api_user` is a user of the type API, and `api_key` its token."""

    base_url: str
    api_user: str
    api_key: str = field(repr=False)
    list_id: str
    connect_seconds: float = 5.0
    read_seconds: float = 20.0


def list_number(list_id: str) -> int:
    """Return the number of a list. Raises ConfigurationError: it becomes part of a query."""
    if not (list_id.isascii() and list_id.isdigit()):
        raise ConfigurationError("list_id in the register is the number of the list at listmonk.")
    return int(list_id)
