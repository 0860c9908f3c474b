"""Bodies from bytes to names and values: strict, bounded, and never repeating what was sent.

webargs is not used: it takes one of repeated fields, ignores files, and answers deep JSON with a 500.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import parse_qsl

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio import multipart

from shared.errors import InvalidInputError, MalformedBodyError, TooLargeError, UnsupportedMediaTypeError
from shared.web.routes import FORM, JSON, MULTIPART
from shared.web.shapes import Upload
from shared.wording import is_storable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from werkzeug.datastructures import Headers

DEEPEST = 32
MOST_FIELDS = 200


Pairs = list[tuple[str, Any]]


def media_type(headers: Headers, allowed: Collection[str]) -> tuple[str, dict[str, str]]:
    """Return the body's media type and its parameters. Raises UnsupportedMediaTypeError."""
    media, options = parse_options_header(headers.get("Content-Type", ""))
    media = media.lower()
    if media not in allowed:
        raise UnsupportedMediaTypeError(f"Send one of: {', '.join(sorted(allowed))}.")
    if options.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaTypeError("Send UTF-8.")
    if headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaTypeError("Send the body without content encoding.")
    return media, options


def read_pairs(content: bytes, media: str, options: Mapping[str, str]) -> Pairs:
    """Return the names and values of a body, in order and with repetitions.

    Raises MalformedBodyError, TooLargeError, and InvalidInputError for characters no database can store.
    """
    if media == JSON:
        pairs = list(read_json(content).items())
    elif media == FORM:
        pairs = read_urlencoded(content)
    elif media == MULTIPART:
        pairs = _read_multipart(content, options)
    else:
        raise UnsupportedMediaTypeError(f"{media} cannot be read into fields.")
    if len(pairs) > MOST_FIELDS:
        raise TooLargeError(f"More than {MOST_FIELDS} fields.")
    for name, value in pairs:
        _check_text(name, value)
    return pairs


def read_json(content: bytes) -> dict[str, Any]:
    """Read a JSON object; repeated keys, NaN, Infinity and depth are refused (RFC 8259, RFC 7493)."""
    try:
        value = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_unrepeated,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except RecursionError:
        raise MalformedBodyError("The JSON is nested too deeply.") from None
    except ValueError:
        # The parser's own message may quote the body.
        raise MalformedBodyError("The body is not valid JSON in UTF-8.") from None
    if not isinstance(value, dict):
        raise MalformedBodyError("The body must be a JSON object.")
    _check_depth(value)
    return value


def read_urlencoded(content: bytes) -> Pairs:
    """Read ``a=b&c=d``; also for query strings."""
    try:
        return parse_qsl(content.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except UnicodeDecodeError:
        raise MalformedBodyError("The fields are not UTF-8.") from None
    except ValueError:
        raise TooLargeError(f"More than {MOST_FIELDS} fields.") from None


def _read_multipart(content: bytes, options: Mapping[str, str]) -> Pairs:
    decoder = multipart.MultipartDecoder(options.get("boundary", "").encode(), max_parts=MOST_FIELDS)
    decoder.receive_data(content)
    decoder.receive_data(None)
    pairs: Pairs = []
    part: multipart.Field | multipart.File | None = None
    received = b""
    try:
        while not isinstance(event := decoder.next_event(), multipart.Epilogue):
            if isinstance(event, multipart.Field | multipart.File):
                part, received = event, b""
            elif isinstance(event, multipart.Data) and part is not None:
                received += event.data
                if not event.more_data:
                    pairs.append((_part_name(part), _part_value(part, received)))
    except RequestEntityTooLarge:
        raise TooLargeError(f"More than {MOST_FIELDS} parts.") from None
    except ValueError:
        raise MalformedBodyError("The body is not valid multipart/form-data.") from None
    return pairs


def _part_name(part: multipart.Field | multipart.File) -> str:
    if not part.name:
        raise MalformedBodyError("A part has no name.")
    return part.name


def _part_value(part: multipart.Field | multipart.File, content: bytes) -> str | Upload:
    media, options = parse_options_header(part.headers.get("content-type", "text/plain"))
    if isinstance(part, multipart.File):
        return Upload(part.filename, media, content)
    if options.get("charset", "utf-8").lower() not in {"utf-8", "utf8"}:
        raise UnsupportedMediaTypeError("Send UTF-8.")
    return content.decode("utf-8")


def _unrepeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise MalformedBodyError("A name stands twice in one JSON object.")
    return value


def _refuse_constant(_text: str) -> NoReturn:
    raise MalformedBodyError("JSON has no NaN or Infinity.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise MalformedBodyError("A number is too large.")
    return number


def _check_depth(value: Any) -> None:
    level: Iterable[Any] = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise MalformedBodyError("The JSON is nested too deeply.")


def _check_text(name: str, value: Any) -> None:
    if not is_storable(name):
        raise MalformedBodyError("A field's name holds a character that cannot be stored.")
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if not is_storable(item):
                raise InvalidInputError({name: ["Holds a character that cannot be stored."]})
        elif isinstance(item, Upload):
            waiting += [item.filename, item.media]
        else:
            waiting += [*(item if isinstance(item, dict) else ()), *_inside(item)]


def _inside(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
