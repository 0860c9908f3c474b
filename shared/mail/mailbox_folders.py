"""All folders of a mailbox that was opened: looking in each for mails of ours, and taking them out.

A mail is ours when its own Message-ID begins with the id under which it was sent, whatever the host's search gives. A
reply names that id in other headers, and a mail that has ours attached has it further inside: neither is ours.
Reports of what became of our mails are read here too, and left where they lie.
"""

from __future__ import annotations

import email
import email.policy
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imapclient import DELETED
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from shared.errors import RetryableError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from imapclient import IMAPClient

WITHOUT_MAIL = {b"\\noselect", b"\\nonexistent"}
LARGEST, MOST = 2 * 1024 * 1024, 20
LOOKED_AT = 1000
MESSAGE_ID = "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"
BEGINNING = "BODY.PEEK[]<0.262144>"
"""Of a report, which has the headers of the mail it is about before that mail's text: more is not read."""
OUTSIDE = "BODY.PEEK[HEADER.FIELDS (AUTHENTICATION-RESULTS FROM SUBJECT)]<0.8000>"
"""What a mail is told by without opening it; no further, since whoever writes to the mailbox decides how long it is."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was in the mailbox: the copies of each mail that was there at all, and in how many folders was looked."""

    copies: Counter[str]
    folders: int


@dataclass(frozen=True, slots=True)
class Place:
    """Up to which number a folder was read; numbers hold as long as its validity does (RFC 3501 section 2.3.1.1)."""

    validity: int
    number: int


class Folders:
    """The folders of one mailbox, over a connection of its own; no other is opened after ``until`` (monotonic)."""

    def __init__(self, client: IMAPClient, *, until: float = float("inf")) -> None:
        self._client = client
        self._until = until

    def look(self, mail_ids: Collection[str]) -> Seen:
        """Return what is there of these mails, and change nothing, not even what is marked as new."""
        names = self._names()
        found = [self._ours(mail_ids) for name in names if self._enter(name, readonly=True)]
        return Seen(Counter(mail for each in found for mail in each.values()), len(names))

    def since(self, day: date, wanted: Callable[[bytes], bool]) -> list[bytes]:
        """Return the mails that came since a day of the host's, of every folder, those that came last at the end.

        ``wanted`` is asked about each by its subject, its sender and what the host says of it. Changes nothing. Of each
        folder only the last ``LOOKED_AT`` are looked at, and the last ``MOST`` of those that are wanted and not larger
        than ``LARGEST`` read: a flood of other mails does not hide them, and fills no memory.
        """
        found: list[tuple[datetime, bytes]] = []
        for name in self._names():
            if self._enter(name, readonly=True):
                found += self._came(self._client.search(["SINCE", day]), wanted)
        return [content for _, content in sorted(found, key=lambda each: each[0])]

    def _came(self, numbers: Sequence[int], wanted: Callable[[bytes], bool]) -> list[tuple[datetime, bytes]]:
        said = self._client.fetch(sorted(numbers)[-LOOKED_AT:], ["RFC822.SIZE", OUTSIDE]) if numbers else {}
        fit = [
            number
            for number, each in said.items()
            if each.get(b"RFC822.SIZE", 0) <= LARGEST and wanted(_header_in(each))
        ]
        read = self._client.fetch(sorted(fit)[-MOST:], ["INTERNALDATE", "BODY.PEEK[]"]) if fit else {}
        whole = (each for each in read.values() if b"BODY[]" in each and b"INTERNALDATE" in each)
        return [(each[b"INTERNALDATE"], each[b"BODY[]"]) for each in whole]

    def remove(self, mail_ids: Collection[str]) -> Seen:
        """Take these mails out of every folder, and return what was there.

        A host may keep what goes from one folder in another, such as its trash: look again.
        """
        names = self._names()
        copies = Counter[str]()
        for name in names:
            if not self._enter(name, readonly=True) or not self._ours(mail_ids) or not self._enter(name):
                continue
            found = self._ours(mail_ids)  # again: from here on the numbers hold, whatever happens to the folder
            self._take_out(list(found))
            copies.update(found.values())
        return Seen(copies, len(names))

    def reports(
        self, read_to: Callable[[str], Place | None], since: date, most: int
    ) -> Iterator[tuple[str, Place, bytes | None]]:
        """Go through the reports that came into each folder since it was read, or since that day; oldest first.

        With every report comes its folder, and up to where that is read by then; without one, a folder that is read
        to its end. After ``most`` reports, or when the time is up, the rest waits for the next time.
        """
        for name in self._names():
            if time.monotonic() > self._until:
                return
            if (state := self._enter(name, readonly=True)) is None:
                continue
            place, validity = read_to(name), state.get(b"UIDVALIDITY", 0)
            known = place.number if place is not None and place.validity == validity else None
            new = ["SINCE", since] if known is None else ["UID", f"{known + 1}:*"]
            found = self._client.search([*new, "HEADER", "Content-Type", "multipart/report"])
            numbers = sorted(number for number in found if number > (known or 0))  # `*` is the last, however old
            for number in numbers[:most]:
                yield name, Place(validity, number), self._beginning(number)
            if len(numbers) <= most:
                yield name, Place(validity, max([state.get(b"UIDNEXT", 1) - 1, known or 0, *numbers])), None
            most = max(0, most - len(numbers))

    def _beginning(self, number: int) -> bytes | None:
        """Return how a message of the open folder begins; None when it is gone meanwhile."""
        answer = self._client.fetch([number], [BEGINNING]).get(number, {})
        return next((each for name, each in answer.items() if name.startswith(b"BODY[")), None)

    def _names(self) -> list[str]:
        return [
            name
            for flags, _, name in self._client.list_folders()
            if WITHOUT_MAIL.isdisjoint(flag.lower() for flag in flags)
        ]

    def _enter(self, name: str, *, readonly: bool = False) -> dict[bytes, Any] | None:
        """Open a folder and return its state; None when it is gone meanwhile.

        Raises RetryableError for one that cannot be opened.
        """
        if time.monotonic() > self._until:
            raise RetryableError("The mail host takes too long over its folders.")
        try:
            state: dict[bytes, Any] = self._client.select_folder(name, readonly=readonly)
        except IMAPClientAbortError:
            raise
        except IMAPClientError:
            if name in self._names():
                raise RetryableError("The mail host does not open one of its folders.") from None
            return None
        return state

    def _ours(self, mail_ids: Collection[str]) -> dict[int, str]:
        """Return which message of the open folder is which of these mails."""
        return {
            number: mail_id
            for mail_id in mail_ids
            for number in self._with_id(mail_id, self._client.search(["HEADER", "Message-ID", mail_id]))
        }

    def _with_id(self, mail_id: str, numbers: Sequence[int]) -> list[int]:
        if not numbers:
            return []
        answers = self._client.fetch(numbers, [MESSAGE_ID])
        return [number for number in numbers if _id_in(answers.get(number, {})) == mail_id]

    def _take_out(self, numbers: Sequence[int]) -> None:
        """Delete for good these and no others: plain EXPUNGE takes along what anybody else has marked (RFC 4315)."""
        if not numbers:
            return
        exactly = self._client.has_capability("UIDPLUS") or self._client.has_capability("IMAP4REV2")
        if not exactly and set(self._client.search("DELETED")).difference(numbers):
            raise RetryableError("Other mails of the same folder are marked as deleted, and would go for good.")
        self._client.add_flags(numbers, [DELETED], silent=True)
        self._client.expunge(numbers if exactly else None)


def _id_in(answer: Mapping[bytes, object]) -> str:
    """Return the left part of the Message-ID in what a host sent of a message, or nothing."""
    header = email.message_from_bytes(_header_in(answer), policy=email.policy.compat32)["Message-ID"]
    return str(header or "").strip().removeprefix("<").partition("@")[0]


def _header_in(answer: Mapping[bytes, object]) -> bytes:
    """Return the part of a header that was asked for, or nothing."""
    return next((each for name, each in answer.items() if name.startswith(b"BODY[") and isinstance(each, bytes)), b"")
