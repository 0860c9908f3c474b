"""From a declared route to a Flask view: admit, read, validate, call, answer."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, cast

from flask import Flask, Response, g, jsonify, make_response, redirect, request

from shared.clock import system_clock
from shared.errors import UnavailableError
from shared.log import traceparent
from shared.web.bearer import visitor_of
from shared.web.calls import Answer, Call, Document, Page, Redirect
from shared.web.idempotency import Repeat, RepeatedError
from shared.web.pages import in_other_language, language_of, page_words, render, wants_page
from shared.web.paging import Place
from shared.web.rates import caller_key, count_call, times
from shared.web.reading import read_body, read_bytes, read_query
from shared.web.sites import SIGNATURE, site_of
from shared.web.trace import keep_trace
from shared.wording import Both

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.clock import Clock
    from shared.policy.sites import Bringer, Site
    from shared.service import Tools
    from shared.web.calls import Reply
    from shared.web.mounts import Mount
    from shared.web.routes import Route

RESTORING = Both(
    "Dit onderdeel wordt teruggezet uit een reservekopie. Wat sindsdien is besloten, wordt eerst opnieuw uitgevoerd; "
    "daarna antwoordt het weer. Nieuwe formulieren worden wel aangenomen.",
    "This part is being put back from a backup. What was decided since is first carried out again; then it answers as "
    "usual. New forms are accepted.",
)
RETRY_AFTER = 10
SITE_FACTOR = 10


def view_of(app: Flask, route: Route, mount: Mount, *, limits: Clock | None) -> Callable[..., Response]:
    """Make the Flask view of one route of one mounted service."""

    def view(**path: str) -> Response:
        if not route.while_restoring and mount.restoring():
            raise UnavailableError("restore", RESTORING, retry_after=RETRY_AFTER)
        # The error handler shows the form again with what the call got to hold.
        g.mount, g.route = mount, route
        # What a site's server signed is the body.
        raw = read_bytes(route.most_bytes) if route.sites else b""
        site, brought_by = _site(route, mount, raw)
        if route.limit and limits:
            _count(route, mount, limits, site if brought_by == "site-server" else None, str(route.limit))
        call = g.call = _call(route, mount, path)
        call.raw, call.site, call.brought_by = raw, site, brought_by
        if limits:
            call.count = partial(_count, route, mount, limits, None)
        read_query(route, call)
        if route.receives:
            read_body(route, call)
        if route.idempotent:
            call.repeat = _repeat(route, call)
        try:
            return respond(app, route.view(call), route, mount, call)
        except RepeatedError as repeated:
            return respond(app, repeated.answer, route, mount, call)

    return view


def respond(app: Flask, reply: Reply, route: Route, mount: Mount, call: Call) -> Response:
    """Write a view's reply as HTTP, with the status the route declares."""
    status = route.answers.status
    if isinstance(reply, Page):
        words = page_words(mount.tools.settings, call.language, mount.name)
        return render(app, reply, words | {"other_language": in_other_language(reply, call.language)}, status)
    if isinstance(reply, Redirect):
        return make_response(redirect(reply.address, 303))
    if isinstance(reply, Document):
        return _document(reply, status)
    return _answer(reply, route, status)


def _answer(reply: Answer, route: Route, status: int) -> Response:
    body = reply.body
    if body is not None and route.answer_schema is None:
        raise TypeError("a route that answers with a body must say its schema")
    if route.answer_schema is not None and not reply.stored:
        body = route.answer_schema.dump(body)
    status = 201 if route.answers.created and reply.location else status
    response = Response() if body is None else jsonify(body)
    response.status_code = status
    if reply.location:
        response.headers["Location"] = reply.location
    if reply.etag:
        response.set_etag(reply.etag)
    if reply.modified:
        response.last_modified = reply.modified
    return response


def _document(reply: Document, status: int) -> Response:
    response = Response(reply.content, reply.status or status, content_type=reply.media)
    if reply.filename:
        response.headers.set("Content-Disposition", "attachment", filename=reply.filename)
    if reply.keep_for:
        response.headers["Cache-Control"] = f"public, max-age={reply.keep_for}"
    return response


def _call(route: Route, mount: Mount, path: dict[str, str]) -> Call:
    now = mount.tools.clock()
    visitor = visitor_of(route, mount, now)
    if visitor:
        keep_trace()
    return Call(
        tools=cast("Tools", mount.tools),
        now=now,
        path=path,
        headers=request.headers,
        asked_language=language_of,
        asked_page=wants_page,
        visitor=visitor,
        place=Place(mount.secret, f"{route.method} {route.rule}"),
        traceparent=traceparent.get(),
        restoring=route.while_restoring and mount.restoring(),
    )


def _repeat(route: Route, call: Call) -> Repeat:
    """Digest what makes two calls the same: who calls, the route, its path and its body.

    A site's signature is a key too: recorded and sent again, it is the same form and no second one.
    """
    key = request.headers.get("Idempotency-Key", request.headers.get(SIGNATURE) if call.signed else None)
    caller = [call.visitor.issuer, call.visitor.subject] if call.visitor else []
    return Repeat(
        key,
        caller=lambda: json.dumps([route.method, route.rule, *caller]),
        request=lambda: json.dumps(dict(call.path)).encode() + b"\n" + call.raw,
        schema=route.answer_schema,
    )


def _site(route: Route, mount: Mount, raw: bytes) -> tuple[Site | None, Bringer]:
    if not route.sites:
        return None, "unknown"
    tools = cast("Tools", mount.tools)
    # By the machine's clock, as the site's server has it.
    return site_of(tools.policy, raw, system_clock())


def _count(route: Route, mount: Mount, clock: Clock, site: Site | None, limit: str) -> None:
    """Count a call of one visitor's or, where a site's server passes forms on, of the whole site's."""
    what = f"{route.method} {route.rule} {limit}"
    limit = limit if site is None else times(limit, SITE_FACTOR)
    caller = caller_key(mount.secret, what, request.remote_addr or "", site=site.id if site else "")
    count_call(cast("Tools", mount.tools).database, limit, caller, clock())
