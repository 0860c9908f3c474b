"""From any error to an answer: a problem for a program, a page for a person, and little in the log."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from flask import Response, g, jsonify, make_response, request
from werkzeug.exceptions import HTTPException

from shared.database import is_away
from shared.errors import UnavailableError
from shared.web import attempts
from shared.web.calls import Page
from shared.web.pages import in_other_language, language_of, page_words, readable, render, wants_page
from shared.web.problems import MEDIA, Problem, problem_of
from shared.web.sites import claimed
from shared.wording import Both, text_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flask import Flask
    from werkzeug.wrappers import Response as BaseResponse

    from shared.service import Tools
    from shared.web.mounts import Mount
    from shared.wording import Language

LOG = logging.getLogger(__name__)
AWAY_SECONDS = 10


def answer_failures(app: Flask, mounts: Sequence[Mount]) -> None:
    """Have every error of every route, and of no route, answered in one way."""

    @app.errorhandler(Exception)
    def answer(error: Exception) -> Response | BaseResponse:
        if isinstance(error, HTTPException) and (error.code is None or error.code < 400):
            return error.get_response()
        if is_away(error):
            # Nothing was done and nothing is lost: whoever asked can ask again.
            error = UnavailableError("database", retry_after=AWAY_SECONDS)
        problem = problem_of(error)
        _log(error, problem)
        _note(problem)
        try:
            response = _page(app, problem, mounts) if wants_page() and "pageless" not in g else _json(problem)
        except Exception as deeper:  # noqa: BLE001 - the page cannot be shown: first without the form, then without page
            if g.pop("call", None) is None:
                g.pageless = True
            return answer(deeper)
        response.headers.update(problem.headers)
        return response


def _log(error: Exception, problem: Problem) -> None:
    if problem.kind.status == 500:
        LOG.error("a view failed", exc_info=error)
    elif problem.kind.status > 500:
        LOG.warning("a part failed", extra={"fields": {"error": type(error).__name__, "part": problem.part}})


def _note(problem: Problem) -> None:
    """Keep, once, that a form of a website was refused; whoever builds the site can look why."""
    route, mount = g.get("route"), g.get("mount")
    if route is None or not (route.sites and route.receives) or g.get("noted"):
        return
    g.noted = True
    tools = cast("Tools", mount.tools)
    form = route.rule.rpartition("/")[2]
    site = claimed(tools.policy)
    attempts.note(tools.database, form, problem.kind.slug, problem.fields, site=site, now=tools.clock())


def _json(problem: Problem) -> Response:
    """Write it for a program: in English, unless it asks for Dutch because a person will read it."""
    language: Language = "nl" if request.accept_languages.best_match(["en", "nl"]) == "nl" else "en"
    told = replace(problem, detail=_detail(problem, language), fields=readable(problem.fields, language))
    response = make_response(jsonify(told.as_json() | {"title": text_in(language, told.kind.title)}), told.kind.status)
    response.content_type = MEDIA
    response.headers["Content-Language"] = language
    return response


def _page(app: Flask, problem: Problem, mounts: Sequence[Mount]) -> Response:
    """Show the form again with what was typed, where the route has one; else a page about the problem."""
    page = Page("web/problem.html", {})
    call, route = g.get("call"), g.get("route")
    if call and route.form and problem.kind.status != 500:
        page = route.form(call)
    language: Language = call.language if call else language_of(request.args.get("language"))
    context = {
        **page.context,
        "typed": call.typed if call else {},
        "errors": readable(problem.fields, language),
        "problem": problem.kind,
        "detail": _detail(problem, language),
    }
    words = page_words(mounts[0].tools.settings, language, _mount_at(request.path, mounts))
    words["other_language"] = in_other_language(page, language)
    return render(app, replace(page, context=context), words, problem.kind.status)


def _detail(problem: Problem, language: Language) -> str:
    """Return the detail if it is in the reader's language, else what problems of this kind mean."""
    if isinstance(problem.detail, Both) or (problem.detail and language == "en"):
        return text_in(language, problem.detail)
    return text_in(language, problem.kind.meaning)


def _mount_at(path: str, mounts: Sequence[Mount]) -> str:
    first = path.split("/")[1:2]
    return next((mount.name for mount in mounts if [mount.name] == first), mounts[0].name)
