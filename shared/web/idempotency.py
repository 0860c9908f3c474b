"""Answers kept for repeated calls: the second POST with one Idempotency-Key has no second effect."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from shared.database import insert_once
from shared.errors import InvalidInputError
from shared.web.calls import Answer, Redirect
from shared.web.tables import idempotent_answers

if TYPE_CHECKING:
    from datetime import datetime

    from marshmallow import Schema
    from sqlalchemy.orm import Session

LONGEST_KEY = 200


class RepeatedError(Exception):
    """Not a fault: the effect was there already, and ``answer`` is what was said then."""

    def __init__(self, answer: Answer | Redirect) -> None:
        super().__init__()
        self.answer = answer


class Repeat:
    """One call of an idempotent route; without a key it only sees to it that an answer is kept at all.

    The key itself is not stored: the request's digest is keyed with it, so that a copy of the table
    does not let anybody guess what was in the body.
    """

    def __init__(self, key: str | None, *, caller: str, request: bytes, schema: Schema | None) -> None:
        if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
            raise InvalidInputError({"Idempotency-Key": [f"Not 1 to {LONGEST_KEY} printable ASCII characters."]})
        self._key_digest = key and hashlib.sha256(f"{caller}\n{key}".encode()).hexdigest()
        self._request_digest = key and hmac.digest(key.encode(), request, "sha256").hex()
        self._schema = schema
        self._kept: dict[str, Any] | None = None

    def claim(self, session: Session, now: datetime) -> None:
        """Take the key for this transaction, waiting for another that has it.

        Raises RepeatedError with the stored answer, InvalidInputError when the key came with another body.
        """
        if not self._key_digest:
            return
        row = {"key_digest": self._key_digest, "request_digest": self._request_digest, "created_at": now}
        if insert_once(session, idempotent_answers, [row]):
            return
        stored = session.execute(
            sa.select(idempotent_answers).where(idempotent_answers.c.key_digest == self._key_digest)
        ).one()
        if stored.request_digest != self._request_digest:
            raise InvalidInputError({"Idempotency-Key": ["Was used with another request."]})
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
        if self._key_digest:
            session.execute(
                sa.update(idempotent_answers)
                .where(idempotent_answers.c.key_digest == self._key_digest)
                .values(answer=self._kept)
            )


def _from_stored(kept: dict[str, Any]) -> Answer | Redirect:
    return Redirect(kept["redirect"]) if "redirect" in kept else Answer(**kept, stored=True)
