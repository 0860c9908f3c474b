"""What a call brings, read into ``call.query``, ``call.raw`` and ``call.body``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import request
from gunicorn.http.errors import ParseException
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from shared.errors import InvalidInputError, MalformedBodyError, TooLargeError
from shared.web.bodies import media_type, read_pairs, read_urlencoded
from shared.web.inputs import gather, load, typed, without
from shared.web.pages import language_of
from shared.web.routes import JSON, Raw

if TYPE_CHECKING:
    from shared.web.calls import Call
    from shared.web.routes import Route

BROKEN_OFF = "The body broke off, or its chunks are not valid."


def read_query(route: Route, call: Call) -> None:
    """Read the query string; the address of a page may carry what mail programmes add to links."""
    if not request.query_string and route.query is None:
        return
    pairs = read_urlencoded(request.query_string)
    if route.sites:
        pairs = [(name, value) for name, value in pairs if name != "site"]
    if route.for_people:
        call.language = language_of(dict(pairs).get("language"))
        known = route.query_schema.load_fields
        pairs = [(name, value) for name, value in pairs if name in known]
    for name, value in pairs:
        if "\0" in name + value:
            raise InvalidInputError({"query": ["Holds a character that cannot be stored."]})
    call.query = load(route.query_schema, gather(pairs, route.query_schema, form=True))


def read_body(route: Route, call: Call) -> None:
    """Read, parse and validate the body; of a RAW route only read it."""
    call.raw = call.raw or read_bytes(route.most_bytes)
    if isinstance(route.body, Raw):
        return
    values = _values(route, call)
    if "language" in values:
        call.language = language_of(values["language"])
    call.typed = typed(values, route.body_schema)
    call.body = load(route.body_schema, values)


def _values(route: Route, call: Call) -> dict[str, Any]:
    if not call.raw and not request.content_type:
        return {}
    media, options = media_type(request.headers, route.media)
    pairs = read_pairs(call.raw, media, options)
    if call.site:
        pairs = without(pairs, call.site.ignores)
    return gather(pairs, route.body_schema, form=media != JSON)


def read_bytes(most: int) -> bytes:
    """Read the body, also a chunked one, and stop at the limit; kept for whoever checks a signature."""
    # One byte more than it takes: of a body without Content-Length, Werkzeug silently drops what is over the limit.
    request.max_content_length = most + 1
    try:
        content = request.get_data(cache=True)
    except RequestEntityTooLarge:
        raise TooLargeError(f"More than {most} bytes.") from None
    except (ClientDisconnected, ParseException, OSError):
        # The server's own, for chunks that are none; without a cause, which may repeat them.
        raise MalformedBodyError(BROKEN_OFF) from None
    if len(content) > most:
        raise TooLargeError(f"More than {most} bytes.")
    if len(content) < (request.content_length or 0):
        # Of a caller who is gone the server gives what came, as if it were all: half a message, half an address.
        raise MalformedBodyError(BROKEN_OFF)
    return content
