"""How often one address may call a route: fixed windows in the service's database, for all its processes."""

from __future__ import annotations

import hmac
import ipaddress
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

from shared.database import insert_on
from shared.errors import TooManyRequestsError
from shared.web.tables import rate_counters

if TYPE_CHECKING:
    from sqlalchemy.sql.dml import ReturningInsert

    from shared.database import Database

WINDOWS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def parse_limit(text: str) -> tuple[int, int]:
    """Read ``"10/minute"`` as (10 calls, 60 seconds). Raises ValueError."""
    most, _, window = text.partition("/")
    if window not in WINDOWS:
        raise ValueError(f"not a rate: {text}")
    return int(most), WINDOWS[window]


def times(limit: str, factor: int) -> str:
    """Return a limit of ``factor`` times as many calls."""
    most, window = limit.split("/")
    return f"{int(most) * factor}/{window}"


def caller_key(secret: bytes, what: str, address: str, *, site: str = "") -> bytes:
    """Return what stands for one address, or for one site wherever it calls from, calling ``what``; kept nowhere."""
    who = f"site {site}" if site else _network(address)
    return hmac.digest(secret, f"rate {what} {who}".encode(), "sha256")


def count_call(database: Database, limit: str, caller: bytes, now: datetime) -> None:
    """Count one call in a transaction of its own. Raises TooManyRequestsError.

    The caller is stored only inside a digest that is another one in each window, so counters neither
    name an address nor can be linked over time.
    """
    most, seconds = parse_limit(limit)
    start = int(now.timestamp()) // seconds * seconds
    ends_at = datetime.fromtimestamp(start + seconds, UTC)
    key = hmac.digest(caller, str(start).encode(), "sha256").hex()
    row = {"key": key, "hits": 1, "ends_at": ends_at}
    with database.light() as connection:
        hits: int = connection.execute(_counting(database.dialect), row).scalar_one()
    if hits > most:
        raise TooManyRequestsError(max(1, -((now - ends_at) // timedelta(seconds=1))))


@cache
def _counting(dialect: str) -> ReturningInsert[int]:
    more = {"hits": rate_counters.c.hits + 1}
    insert = insert_on(dialect, rate_counters).on_conflict_do_update(index_elements=["key"], set_=more)
    return insert.returning(rate_counters.c.hits)


def _network(address: str) -> str:
    """Return an IPv4 address as it is, and of IPv6 the /64: one visitor has a whole one."""
    if ":" not in address:
        return address
    try:
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    except ValueError:
        return address
