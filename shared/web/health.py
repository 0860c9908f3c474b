"""What is asked of a running app itself: alive, ready, numbers, descriptions, and what a problem means."""

from __future__ import annotations

import ipaddress
import json
import logging
import mimetypes
from typing import TYPE_CHECKING, Any

from flask import request
from marshmallow import Schema, fields

from shared.errors import NotFoundError, UnavailableError
from shared.web.calls import Call, Document, Page
from shared.web.kinds import BY_SLUG
from shared.web.openapi import describe
from shared.web.pages import STATIC
from shared.web.routes import HTML, JSON, Answers, Api
from shared.web.who import PUBLIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from shared.web.mounts import Check, Mount, Sample

LOG = logging.getLogger(__name__)
TEXT = "text/plain; version=0.0.4; charset=utf-8"
DAY = 86_400


class VersionSchema(Schema):
    """Which version of a static file a page was made for; it is there so that caches tell them apart."""

    v = fields.String()


def add_health(api: Api, mounts: Sequence[Mount]) -> None:
    """Answer for these services whether they live and are ready, and their numbers."""

    @api.get("/healthz", who=PUBLIC, answers=Answers(200), while_restoring=True)
    def alive(_call: Call) -> Document:
        """Say that the process answers."""
        return _json({"status": "alive"})

    @api.get("/readyz", who=PUBLIC, answers=Answers(200), while_restoring=True)
    def ready(_call: Call) -> Document:
        """Say that every part is ready, or which is not."""
        failing = [f"{mount.name}.{part}" for mount in mounts for part in _failing(mount)]
        if failing:
            raise UnavailableError(", ".join(failing))
        return _json({"status": "ready"})

    @api.get("/metrics", who=PUBLIC, answers=Answers(200), while_restoring=True)
    def metrics(_call: Call) -> Document:
        """Give the numbers in Prometheus' text form, to callers from inside."""
        if not _from_inside():
            raise NotFoundError
        return Document(write_metrics((mount.name, mount.metrics()) for mount in mounts).encode(), TEXT)


def about_service(mount: Mount, routes: Callable[[], Sequence[Any]]) -> Api:
    """Make the routes that every service has under its own path."""
    api = Api("about")
    add_health(api, [mount])

    @api.get("/openapi.json", who=PUBLIC, answers=Answers(200), while_restoring=True)
    def openapi(_call: Call) -> Document:
        """Describe this service's routes."""
        return _json(describe(mount.name, routes()))

    @api.get("/static/<name>", who=PUBLIC, query=VersionSchema, answers=Answers(200), while_restoring=True)
    def static(call: Call) -> Document:
        """Give a style sheet or picture of the pages."""
        file = next((file for file in STATIC.iterdir() if file.name == call.path["name"]), None)
        if file is None:
            raise NotFoundError
        media = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        return Document(file.read_bytes(), media, keep_for=DAY)

    if policy := mount.policy:

        @api.get("/v1/policy", who=PUBLIC, answers=Answers(200), while_restoring=True)
        def terms(_call: Call) -> Document:
            """Give the terms and clocks this service goes by, with their version and hash."""
            return _json(policy())

    return api


def about_origin(mounts: Sequence[Mount], asyncapi: Callable[[], Mapping[str, Any]] | None) -> Api:
    """Make the routes at the root of the origin."""
    api = Api("origin", at_root=True)
    add_health(api, mounts)

    @api.get("/problems/<slug>", who=PUBLIC, answers=Answers(200, media=HTML), while_restoring=True)
    def explain(call: Call) -> Page:
        """Explain a kind of problem."""
        if call.path["slug"] not in BY_SLUG:
            raise NotFoundError
        return Page("web/problem.html", {"problem": BY_SLUG[call.path["slug"]], "detail": ""})

    if asyncapi:

        @api.get("/asyncapi.json", who=PUBLIC, answers=Answers(200), while_restoring=True)
        def events(_call: Call) -> Document:
            """Describe the events."""
            return _json(asyncapi())

    return api


def write_metrics(services: Iterable[tuple[str, Iterable[Sample]]]) -> str:
    """Write samples as Prometheus' text: those of one name together, each with its service."""
    families: dict[str, list[str]] = {}
    for service, samples in services:
        for sample in samples:
            labels = {"service": service, **sample.labels}
            written = ",".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels.items())
            head = [f"# HELP {sample.name} {sample.help}", f"# TYPE {sample.name} {sample.kind}"]
            families.setdefault(sample.name, head).append(f"{sample.name}{{{written}}} {sample.value:g}")
    return "".join(f"{line}\n" for lines in families.values() for line in lines)


def _failing(mount: Mount) -> list[str]:
    return [name for name, check in {"restore": _restored(mount), **mount.checks}.items() if not _passes(check)]


def _restored(mount: Mount) -> Check:
    def check() -> None:
        if mount.restoring():
            raise UnavailableError("restore")

    return check


def _passes(check: Check) -> bool:
    try:
        check()
    except Exception:
        LOG.warning("a part is not ready", exc_info=True)
        return False
    return True


def _from_inside() -> bool:
    """Tell whether nobody stands between a caller on our own network and us."""
    if not request.remote_addr or "X-Forwarded-For" in request.headers:
        return False
    address = ipaddress.ip_address(request.remote_addr)
    return address.is_loopback or address.is_private


def _json(content: Mapping[str, Any]) -> Document:
    return Document(json.dumps(content, ensure_ascii=False).encode(), JSON)
