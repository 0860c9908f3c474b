"""Forms of websites that were refused or put aside: when, at which site and why, for whoever builds it (never what).

Of an attempt are kept its time, the site it named, the kind of problem, and the names of the fields concerned. Nothing
of what was filled in, and nothing about who sent it.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from marshmallow import Schema, fields, validate

from shared.web.calls import Answer, Call
from shared.web.paging import PageQuerySchema, list_of
from shared.web.routes import Answers, Api
from shared.web.shapes import TimeField
from shared.web.tables import form_attempts
from shared.web.who import Staff

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from shared.database import Database

SET_ASIDE, DROPPED = "set-aside", "dropped"
"""Beside the kinds of problems: a form that waits for a person, or of which nothing is kept; its names are reasons."""
MOST_NAMES, LONGEST_NAME = 12, 40
KEPT, PRUNED_EVERY = 1_000, 100
"""How many are kept at most, whatever a robot sends; a site's builder looks at the last few."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt; ``names`` are fields, or the reasons where it is no problem. Without ``site`` none was known."""

    number: int
    tried_at: datetime
    form: str
    site: str | None
    problem: str
    names: Sequence[str]


def note(database: Database, form: str, problem: str, names: Iterable[str], *, site: str | None, now: datetime) -> None:
    """Keep one attempt. What the database cannot take is left: the visitor's answer does not depend on it."""
    shown = " ".join("?" if " " in name else name[:LONGEST_NAME] for name in sorted(names)[:MOST_NAMES])
    row = {"tried_at": now, "form": form, "site": site, "problem": problem, "names": shown}
    kept = sa.insert(form_attempts).values(row).returning(form_attempts.c.number)
    try:
        with database.light() as connection:
            number: int = connection.execute(kept).scalar_one()
        if number % PRUNED_EVERY == 0:
            with database.light() as connection:
                connection.execute(sa.delete(form_attempts).where(form_attempts.c.number <= number - KEPT))
    except sa.exc.SQLAlchemyError as error:
        _log.warning("an attempt was not kept", extra={"fields": {"error": type(error).__name__}})


def find(session: Session, site: str | None = None, before: int | None = None, limit: int = 50) -> list[Attempt]:
    """Return attempts, of one site or of all, the latest first."""
    query = sa.select(form_attempts).order_by(form_attempts.c.number.desc()).limit(limit)
    if site is not None:
        query = query.where(form_attempts.c.site == site)
    if before is not None:
        query = query.where(form_attempts.c.number < before)
    rows = session.execute(query).mappings()
    return [Attempt(**{**row, "names": row["names"].split()}) for row in rows]


class AttemptsQuerySchema(PageQuerySchema):
    """Of which site; all without it."""

    site = fields.String(validate=validate.Length(1, 40))


class AttemptSchema(Schema):
    """When and why a form failed. ``problem`` is a slug of /problems/, ``set-aside`` or ``dropped``."""

    tried_at = TimeField()
    form = fields.String()
    site = fields.String(allow_none=True)
    problem = fields.String()
    names = fields.List(fields.String())


api = Api("attempts")


@api.get(
    "/v1/form-attempts",
    who=Staff("admin", "privacy-coordinator", "front-desk"),
    query=AttemptsQuerySchema,
    answers=Answers(200, list_of(AttemptSchema)),
)
def list_form_attempts(call: Call) -> Answer:
    """List the last forms that were refused or put aside, without what was in them."""
    before = int(call.after[0]) if call.after else None
    with call.tools.database.reading() as session:
        found = find(session, call.query.get("site"), before, call.size + 1)
    return Answer(call.listing(found, position=lambda attempt: [attempt.number]))
