"""Answers kept for repeated calls: the second POST with one Idempotency-Key has no second effect."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from shared.database import insert_once
from shared.errors import InvalidInputError
from shared.web.calls import Answer, Redirect
from shared.web.tables import idempotent_answers

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from marshmallow import Schema
    from sqlalchemy.orm import Session

HEADER = "Idempotency-Key"
LONGEST_KEY = 200


class RepeatedError(Exception):
    """Not a fault: the effect was there already, and ``answer`` is what was said then."""

    def __init__(self, answer: Answer | Redirect) -> None:
        super().__init__()
        self.answer = answer


@dataclass(frozen=True, slots=True)
class _Key:
    """What a call is known again by, and what is said when it comes with another body."""

    name: str
    digest: str
    request: str
    spent: str


class Repeat:
    """One call of an idempotent route; without a key it only sees to it that an answer is kept at all.

    ``caller`` and ``request`` say what the call was: only a key asks them.
    The key itself is not stored: the request's digest is keyed with it, so that a copy of the table
    does not let anybody guess what was in the body.
    """

    def __init__(
        self, key: str | None, *, caller: Callable[[], str], request: Callable[[], bytes], schema: Schema | None
    ) -> None:
        if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
            raise InvalidInputError({HEADER: [f"Not 1 to {LONGEST_KEY} printable ASCII characters."]})
        self._caller, self._request = caller, request
        self._keys: list[_Key] = []
        self._schema = schema
        self._kept: dict[str, Any] | None = None
        if key:
            self.once(HEADER, key, "Was used with another request.")

    def once(self, name: str, key: str, spent: str) -> None:
        """Know the call by another key too: what came in the field ``name`` and counts for one body only."""
        digest = hashlib.sha256(f"{self._caller()}\n{key}".encode()).hexdigest()
        request = hmac.digest(key.encode(), self._request(), "sha256").hex()
        self._keys.append(_Key(name, digest, request, spent))

    def claim(self, session: Session, now: datetime) -> None:
        """Take the keys for this transaction, waiting for another that has one.

        Raises RepeatedError with the stored answer, InvalidInputError when a key came with another body.
        """
        for key in self._keys:
            row = {"key_digest": key.digest, "request_digest": key.request, "created_at": now}
            if insert_once(session, idempotent_answers, [row]):
                continue
            stored = session.execute(
                sa.select(idempotent_answers).where(idempotent_answers.c.key_digest == key.digest)
            ).one()
            if stored.request_digest != key.request:
                raise InvalidInputError({key.name: [key.spent]})
            raise RepeatedError(_from_stored(stored.answer))

    def keep(self, answer: Answer | Redirect) -> None:
        """Remember the answer until the transaction ends; what its schema does not declare is left out."""
        if isinstance(answer, Redirect):
            self._kept = {"redirect": answer.address}
            return
        body = self._schema.dump(answer.body) if self._schema else None
        self._kept = {"body": body, "location": answer.location, "etag": answer.etag}

    def finish(self, session: Session) -> None:
        """Store the kept answer with the effect."""
        if self._kept is None:
            raise RuntimeError("an idempotent route must call.keep() its answer inside its transaction")
        for key in self._keys:
            session.execute(
                sa.update(idempotent_answers)
                .where(idempotent_answers.c.key_digest == key.digest)
                .values(answer=self._kept)
            )


def _from_stored(kept: dict[str, Any]) -> Answer | Redirect:
    return Redirect(kept["redirect"]) if "redirect" in kept else Answer(**kept, stored=True)
