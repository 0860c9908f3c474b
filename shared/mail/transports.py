"""How a composed mail leaves: a way out, and the one into a Maildir; every failure is one of two errors."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from shared.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from shared.mail.composing import ComposedMail

    Deliver = Callable[[ComposedMail], None]


class UnknownOutcomeError(RetryableError):
    """The mail was handed over, and the connection broke before the server said whether it has it."""


class Transport(Protocol):
    """A way out for mails."""

    def connected(self) -> AbstractContextManager[Deliver]:
        """Open it for some mails. Raises RetryableError when it cannot be opened.

        What it gives delivers one mail, and raises RetryableError, UnknownOutcomeError when the mail may have gone
        all the same, or PermanentError when it will never be taken. All name a reply code at most, never an address.
        """
        ...


@dataclass(frozen=True, slots=True)
class MaildirTransport:
    """A folder of files. A mail's file goes by its id, so that delivering it twice leaves one."""

    directory: Path

    @contextmanager
    def connected(self) -> Iterator[Deliver]:
        """Make the folder if need be."""
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in ("tmp", "new", "cur"):
                (self.directory / name).mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise RetryableError(f"The mail folder cannot be made: {error.strerror}.") from None
        yield self._deliver

    def _deliver(self, mail: ComposedMail) -> None:
        name = f"{int(mail.at.timestamp())}.{mail.id}.discreet"
        try:
            if any((self.directory / "cur").glob(f"{name}*")):
                return
            path = self.directory / "tmp" / name
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(mail.content)
                file.flush()
                os.fsync(file.fileno())
            path.replace(self.directory / "new" / name)
        except OSError as error:
            raise RetryableError(f"The mail folder cannot be written: {error.strerror}.") from None
