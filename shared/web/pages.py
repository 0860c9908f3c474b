"""Pages for people: templates by service, Dutch or English, marked in trial, nothing from elsewhere."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask import make_response, request
from jinja2 import BytecodeCache, FileSystemLoader, PrefixLoader, StrictUndefined

from shared.web.headers import page_policy
from shared.web.messages import in_dutch
from shared.web.routes import FORM, HTML, JSON, MULTIPART
from shared.wording import text_in

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType

    from flask import Flask, Response
    from jinja2 import Environment
    from jinja2.bccache import Bucket

    from shared.settings import Settings
    from shared.web.calls import Page
    from shared.wording import Language

HERE = Path(__file__).parent
STATIC = HERE / "static"
OTHER: Mapping[Language, Language] = {"nl": "en", "en": "nl"}


class Compiled(BytecodeCache):
    """What was compiled of templates, by file and content."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Take it from here."""
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep it here."""
        if bucket.code is not None:
            self._code[bucket.key, bucket.checksum] = bucket.code


_COMPILED = Compiled()
"""Of every app in this process: to compile a page takes longer than all the rest of showing it."""


def serve_templates(app: Flask, folders: Mapping[str, Path]) -> None:
    """Name every template ``<service>/<file>``, and ours ``web/<file>``."""
    app.jinja_options = {**app.jinja_options, "bytecode_cache": _COMPILED}
    named = {name: FileSystemLoader(folder) for name, folder in folders.items()}
    app.jinja_loader = PrefixLoader({"web": FileSystemLoader(HERE / "templates"), **named})


def page_words(settings: Settings, language: Language, service: str) -> dict[str, Any]:
    """Return what every template may use; the console puts it in a context processor."""
    return {
        "language": language,
        "say": lambda dutch, english: dutch if language == "nl" else english,
        "text": lambda text: text_in(language, text),
        "trial": settings.mode == "trial",
        "asset": lambda name: f"/{service}/static/{name}?v={_version(name)}",
        "other_language": None,
        "typed": {},
        "errors": {},
        "problem": None,
        "detail": "",
    }


def render(app: Flask, page: Page, words: Mapping[str, Any], status: int = 200) -> Response:
    """Render a page; a name that a template uses and nobody gave is an error, not a gap."""
    text = _strict(app).get_template(page.template).render({**words, **page.context})
    response = make_response(text, status)
    response.content_type = f"{HTML}; charset=utf-8"
    response.headers["Content-Security-Policy"] = page_policy(page.form_to, page.framed_by, scripted=page.scripted)
    response.headers["Content-Language"] = words["language"]
    if page.modified:
        response.last_modified = page.modified
    return response


def in_other_language(page: Page, language: Language) -> str | None:
    """Return the address of a page in the other language, or None for an answer to a POST that has no address.

    Relative where it can be: a page repeats nothing of an address that may be wrong, or hold a token.
    """
    if page.here is None and request.method == "POST" and "/v1/" in request.path:
        return None
    here = page.here or ""
    return f"{here}{'&' if '?' in here else '?'}language={OTHER[language]}"


def wants_page() -> bool:
    """Tell a browser's link or form from a program: it asks for HTML and, where it sends, sends a form."""
    may = request.method in {"GET", "HEAD"} or request.mimetype in {FORM, MULTIPART, ""}
    return may and request.accept_mimetypes.best_match([JSON, HTML]) == HTML


def language_of(chosen: object = None) -> Language:
    """Return the language somebody chose, else what the browser prefers of the two, else Dutch."""
    if chosen in ("nl", "en"):
        return chosen
    return "en" if request.accept_languages.best_match(["nl", "en"]) == "en" else "nl"


def readable(messages: Mapping[str, list[str]], language: Language) -> dict[str, list[str]]:
    """Return the messages by field in the reader's language."""
    return {
        name: [text_in(language, text if language == "en" else in_dutch(text)) for text in texts]
        for name, texts in messages.items()
    }


def _strict(app: Flask) -> Environment:
    """Return the app's environment with strict names; made once, since it holds the compiled templates."""
    if "discreet.pages" not in app.extensions:
        app.extensions["discreet.pages"] = app.jinja_env.overlay(undefined=StrictUndefined)
    strict: Environment = app.extensions["discreet.pages"]
    return strict


@cache
def _version(name: str) -> str:
    """Return a digest of a static file, so that it may be kept by browsers."""
    return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
