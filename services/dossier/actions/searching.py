"""Finding clients by any part of a name, an address, a number or a birth date."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from services.dossier import records, rules
from services.dossier.actions.contents import texts_of
from shared.errors import InvalidInputError
from shared.identity import is_match
from shared.vault import Sealed
from shared.wording import Both

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from services.dossier.records import Client, Position
    from shared.service import Tools

SHORTEST = 3
TOO_SHORT = Both("Zoek met minstens drie tekens.", "Search with three characters or more.")


@dataclass(frozen=True, slots=True)
class Found:
    """A client with what is sealed of them."""

    client: Client
    content: dict[str, Any] = field(repr=False)


def search(session: Session, tools: Tools, query: str, *, after: Position | None, limit: int) -> list[Found]:
    """Return clients that match every word of a query, the latest first, from a position on.

    Tokens only find candidates: each is opened and looked at, so that nobody is shown who does not match.
    Raises InvalidInputError for a query of less than three characters that can be searched for.
    """
    asked = rules.with_numeric_dates(query.strip())
    tokens = tools.keys.index.query_tokens(asked)
    if len(asked) < SHORTEST or not tokens:
        raise InvalidInputError({"q": [TOO_SHORT]})
    found: list[Found] = []
    while True:
        candidates = records.find_by_tokens(session, tokens, after, limit)
        contents = tools.vault.open_many({each.id: Sealed(each.key_id, each.sealed) for each in candidates})
        opened = [Found(each, contents[each.id]) for each in candidates if each.id in contents]
        found += [each for each in opened if is_match(asked, *texts_of(each.content))]
        if len(found) >= limit or len(candidates) < limit:
            return found[:limit]
        after = candidates[-1].created_at, candidates[-1].id
