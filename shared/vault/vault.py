"""The vault of one service: seals content under a key of its own, opens it, and destroys keys."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import sqlalchemy as sa

from shared.errors import IntegrityError, InvalidInputError
from shared.failpoints import reach
from shared.vault.ciphers import decrypt, encrypt
from shared.vault.data_keys import destroy_keys, find_key, find_keys, surviving_keys, sweep_keys
from shared.vault.masters import Masters, rewrap
from shared.vault.reserve import Reserve, elapsed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from sqlalchemy.orm import Session

    from shared.clock import Clock
    from shared.database import Database
    from shared.keys.rings import KeyRing

UNUSED_AFTER = timedelta(days=7)
logger = logging.getLogger("discreet.vault")


@dataclass(frozen=True, slots=True)
class Sealed:
    """Sealed bytes, and the id of the data key that opens them; the row of the record keeps both."""

    key_id: str
    ciphertext: bytes = field(repr=False)


class Vault:
    """Seals and opens what one service holds. Threads and forks may share it; no key is kept after a call.

    ``database`` is the service's key database, ``masters`` reads its master keys. A record is sealed for its id
    (and field, where a record has several sealed ones): moved to another record it does not open. Every seal
    takes a new key, so that what was corrected is unreadable in backups too, once its old key is destroyed.
    """

    def __init__(
        self,
        database: Database,
        masters: Callable[[], KeyRing],
        service: str,
        clock: Clock,
        *,
        seconds: Callable[[], float] = elapsed,
    ) -> None:
        self._database = database
        self._masters = Masters(masters, service, seconds)
        self._service = service
        self._clock = clock
        self._reserve = Reserve(database, self._masters, clock, seconds=seconds)

    def seal(self, record_id: str, content: Mapping[str, Any], *, field: str = "") -> Sealed:
        """Seal JSON content: text, numbers, lists and maps; times, UUIDs and Decimals come back as text.

        Raises InvalidInputError for text that has no UTF-8 form.
        """
        return self.seal_bytes(record_id, _plain(content), field=field)

    def seal_many(self, contents: Mapping[str, Mapping[str, Any]], *, field: str = "") -> dict[str, Sealed]:
        """Seal the contents of many records, by id, under keys that are reserved in one commit.

        Raises InvalidInputError for text that has no UTF-8 form, and then has reserved nothing.
        """
        plain = {record_id: _plain(content) for record_id, content in contents.items()}
        keys = self._reserve.issue_many(len(plain))
        return {
            record_id: Sealed(key_id, encrypt(key, each, self._context(record_id, field)))
            for (record_id, each), (key_id, key) in zip(plain.items(), keys, strict=True)
        }

    def open(self, record_id: str, sealed: Sealed, *, field: str = "") -> dict[str, Any]:
        """Open what ``seal`` made. Raises KeyDestroyedError, IntegrityError."""
        return _content(self.open_bytes(record_id, sealed, field=field))

    def open_many(self, sealed: Mapping[str, Sealed], *, field: str = "") -> dict[str, dict[str, Any]]:
        """Open many records by id, their keys fetched at once; one whose key is destroyed is left out.

        Raises IntegrityError when any was changed.
        """
        keys = find_keys(self._database, self._masters, {each.key_id for each in sealed.values()})
        return {
            record_id: _content(decrypt(keys[each.key_id], each.ciphertext, self._context(record_id, field)))
            for record_id, each in sealed.items()
            if each.key_id in keys
        }

    def seal_bytes(self, record_id: str, content: bytes, *, field: str = "") -> Sealed:
        """Seal bytes as they are."""
        key_id, key = self._reserve.issue()
        return Sealed(key_id, encrypt(key, content, self._context(record_id, field)))

    def open_bytes(self, record_id: str, sealed: Sealed, *, field: str = "") -> bytes:
        """Open what ``seal_bytes`` made. Raises KeyDestroyedError, IntegrityError."""
        key = find_key(self._database, self._masters, sealed.key_id)
        return decrypt(key, sealed.ciphertext, self._context(record_id, field))

    def destroy(self, key_ids: Collection[str]) -> int:
        """Destroy these data keys for good and return how many were still live; again is no error.

        It commits by itself, in the key database: delete and commit the rows first, so that a crash in between
        leaves a key without a record and never a record without its key.
        """
        return destroy_keys(self._database, key_ids, self._clock())

    def destroy_after_commit(self, session: Session, key_ids: Collection[str]) -> None:
        """Destroy these keys once the session's transaction is committed; after a rollback they stay.

        Should that fail, the transaction stands: what nothing refers to any more is destroyed by the sweep.
        Not inside a savepoint, which could be rolled back by itself.
        """
        if session.in_nested_transaction():
            raise RuntimeError("keys are not destroyed from inside a savepoint")
        transaction = session.get_transaction() or session.begin()

        def destroy_now(committed: Session) -> None:
            # A savepoint's release is announced in the same way, and a session can go on with a next transaction.
            if committed.get_transaction() is transaction and not committed.in_nested_transaction():
                self._destroy_now(key_ids)

        if key_ids:
            sa.event.listen(session, "after_commit", destroy_now)

    def surviving(self, key_ids: Collection[str]) -> set[str]:
        """Return which of these keys can still open something: for counting again after a destruction."""
        return surviving_keys(self._database, key_ids)

    def forget_reserve(self) -> None:
        """Reserve anew before the next seal: what was reserved may not be in the key database any more."""
        self._reserve.forget()

    def rotate_master(self) -> int:
        """Bring every live key under the current master key and return how many that took.

        Afterwards the older master keys can be destroyed, and with them every key in older backups of the key
        database. Interrupted anywhere, doing it again finishes it.
        """
        return rewrap(self._database, self._masters, self._clock())

    def sweep_unused(
        self, used: Callable[[Collection[str]], Collection[str]], older_than: timedelta = UNUSED_AFTER
    ) -> int:
        """Destroy keys reserved longer ago than ``older_than`` to which nothing refers; return how many.

        ``used`` returns which of the given ids are referred to, for instance by ``keys_in_use``. Never while a
        restore is under way: what is not yet restored looks unused.
        """
        return sweep_keys(self._database, used, self._clock() - older_than)

    def _destroy_now(self, key_ids: Collection[str]) -> None:
        reach("vault.orphaned")
        try:
            self.destroy(key_ids)
        except Exception:
            logger.exception("keys were not destroyed after a commit: the sweep will")

    def _context(self, record_id: str, field: str) -> str:
        if "|" in field:
            raise ValueError("a field's name has no |")
        return f"{self._service}|{record_id}|{field}"


def _plain(content: Mapping[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(content)
    except UnicodeEncodeError:
        # Without a cause: it carries the text.
        raise InvalidInputError({}, "A text holds characters that cannot be stored.") from None


def _content(plain: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(plain, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise IntegrityError("What was sealed is not the content of a record.") from None
