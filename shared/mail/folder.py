"""The mail folder of a trial, to look at: newest first, one by its id."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from shared.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMail:
    """A mail as it lies in the folder; ``at`` is when it was queued (UTC)."""

    id: str
    at: datetime
    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str | None = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class MailFolder:
    """A Maildir that ``MaildirTransport`` wrote; files of other programs in it are left alone."""

    directory: Path

    def newest(self, limit: int = 50) -> list[StoredMail]:
        """Return the latest mails, newest first."""
        return [_read(path) for path in sorted(self._paths(), key=_age)[:limit]]

    def read(self, mail_id: str) -> StoredMail:
        """Return one mail. Raises NotFoundError; an id never becomes a path."""
        for path in self._paths():
            if path.name.split(".")[1] == mail_id:
                return _read(path)
        raise NotFoundError("There is no such mail in the folder.")

    def forget_before(self, moment: datetime) -> int:
        """Remove what was queued before that time; return how many."""
        old = [path for path in self._paths() if -_age(path)[0] < moment.timestamp()]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _paths(self) -> Iterator[Path]:
        for name in ("new", "cur"):
            folder = self.directory / name
            if folder.is_dir():
                yield from (path for path in folder.iterdir() if _is_ours(path.name))


def _is_ours(name: str) -> bool:
    parts = name.partition(":")[0].split(".")
    return len(parts) == 3 and parts[0].isdecimal() and parts[2] == "discreet"


def _age(path: Path) -> tuple[int, str]:
    """Sort newest first; the id decides within a second, so that the order stays the same."""
    seconds, mail_id, _ = path.name.split(".", 2)
    return -int(seconds), mail_id


def _read(path: Path) -> StoredMail:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    seconds, mail_id, _ = path.name.split(".", 2)
    return StoredMail(
        id=mail_id,
        at=datetime.fromtimestamp(int(seconds), UTC),
        to=str(message["To"]),
        subject=str(message["Subject"]),
        text=plain.get_content() if plain else "",
        html=html.get_content() if html else None,
        headers=tuple((name, str(value)) for name, value in message.items()),
    )
