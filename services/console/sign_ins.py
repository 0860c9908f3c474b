"""Failed attempts to sign in, and sessions that were ended: what must outlive a process and be shared by all.

The file holds keyed digests only: neither a name that somebody typed (it may be a password) nor an address.
"""

from __future__ import annotations

import hmac
import ipaddress
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec

from services.console.rules import (
    LONGEST_SESSION,
    MOST_FOR_ONE_ACCOUNT,
    MOST_FROM_ONE_PLACE,
    MOST_IN_ALL,
    WINDOW,
    wait_for,
)
from shared.errors import TooManyRequestsError
from shared.keys.files import locked, read_secret, write_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PLACE_KNOWN_FOR = timedelta(days=60)
EVERYBODY = "all"


class _File(msgspec.Struct):
    failures: dict[str, list[datetime]] = {}
    known_places: dict[str, datetime] = {}
    ended: dict[str, datetime] = {}


class SignIns:
    """Counts attempts by account and place, by account, and in all; ``secret`` keys the digests.

    Somebody who guesses from one place is stopped by the first count, and it stops nobody elsewhere. The
    other two stop guessing from many places; they do not hold for a place from where the account was
    signed in to lately, so that nobody can keep a member of staff out of their own console.
    """

    def __init__(self, directory: Path, secret: bytes) -> None:
        self._directory = directory
        self._path = directory / "sign-ins.json"
        self._secret = secret

    def begin(self, name: str, address: str, now: datetime) -> None:
        """Count an attempt as failed before it is checked, so that many at once cannot slip through.

        Raises TooManyRequestsError with the seconds to wait; such an attempt is not counted.
        """
        place = self._place(name, address)
        with self._changing(now) as file:
            limits = {place: MOST_FROM_ONE_PLACE}
            if place not in file.known_places:
                limits |= {self._digest(name): MOST_FOR_ONE_ACCOUNT, EVERYBODY: MOST_IN_ALL}
            waits = [wait_for(file.failures.get(key, []), most, now) for key, most in limits.items()]
            if longest := max(waits):
                raise TooManyRequestsError(int(longest.total_seconds()) + 1)
            for key in limits:
                file.failures.setdefault(key, []).append(now)

    def succeed(self, name: str, address: str, now: datetime) -> None:
        """Take the attempt that began at ``now`` off the counts, and remember the place."""
        place = self._place(name, address)
        with self._changing(now) as file:
            file.failures.pop(place, None)
            for key in (self._digest(name), EVERYBODY):
                if now in file.failures.get(key, []):
                    file.failures[key].remove(now)
            file.known_places[place] = now

    def end(self, session_id: str, now: datetime) -> None:
        """End a session: its cookie is worth nothing from now on, wherever a copy of it is."""
        with self._changing(now) as file:
            file.ended[session_id] = now

    def is_ended(self, session_id: str) -> bool:
        """Tell whether somebody signed out of this session."""
        return session_id in self._read().ended

    @contextmanager
    def _changing(self, now: datetime) -> Iterator[_File]:
        with locked(self._directory):
            file = self._read()
            yield file
            write_file(self._path, msgspec.json.encode(_without_old(file, now)))

    def _read(self) -> _File:
        if not self._path.exists():
            return _File()
        try:
            return msgspec.json.decode(read_secret(self._path), type=_File)
        except msgspec.MsgspecError:
            return _File()  # counts are not worth a console that does not start

    def _place(self, name: str, address: str) -> str:
        return self._digest(f"{name}\n{_network(address)}")

    def _digest(self, text: str) -> str:
        return hmac.digest(self._secret, text.encode(), "sha256").hex()[:32]


def _without_old(file: _File, now: datetime) -> _File:
    recent = {key: [each for each in times if now - each < WINDOW] for key, times in file.failures.items()}
    return _File(
        failures={key: times for key, times in recent.items() if times},
        known_places={key: at for key, at in file.known_places.items() if now - at < PLACE_KNOWN_FOR},
        ended={key: at for key, at in file.ended.items() if now - at < LONGEST_SESSION},
    )


def _network(address: str) -> str:
    """Return an IPv4 address as it is, and of IPv6 the /64: one visitor has a whole one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return address if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))
