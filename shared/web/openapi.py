"""OpenAPI 3.1 of a service, made from its routes.

apispec is used directly: of flask-smorest nothing would remain but its registration (docs/decisions).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin

from shared.web.kinds import BY_STATUS
from shared.web.problems import MEDIA
from shared.web.routes import HTML, JSON, Raw
from shared.web.shapes import FileField
from shared.web.sites import SIGNATURE, SITE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.web.registry import Mounted
    from shared.web.routes import Route

PARAMETER = re.compile(r"<(?:[^:<>]+:)?([^<>]+)>")
PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "part": {"type": "string", "description": "the part that is not available"},
        "errors": {
            "type": "object",
            "description": "messages by field",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
    },
}


def describe(service: str, routes: Sequence[Mounted]) -> dict[str, Any]:
    """Describe the routes of one service; paths are relative to ``/<service>``, but for those at the root."""
    shapes = MarshmallowPlugin()
    spec = APISpec(
        title=f"Discreet: {service}",
        version="1",
        openapi_version="3.1.0",
        plugins=[shapes],
        servers=[{"url": f"/{service}"}],
    )
    shapes.map_to_openapi_type(FileField, "string", "binary")  # type: ignore[no-untyped-call]
    spec.components.security_scheme("token", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    spec.components.schema("Problem", PROBLEM)
    for mounted in routes:
        path = PARAMETER.sub(r"{\1}", mounted.route.rule)
        at_root: dict[str, Any] = {"servers": [{"url": "/"}]} if mounted.api.at_root else {}
        spec.path(path=path, operations={mounted.route.method.lower(): _operation(mounted) | at_root})
    return spec.to_dict()


def _operation(mounted: Mounted) -> dict[str, Any]:
    route = mounted.route
    operation: dict[str, Any] = {
        "operationId": f"{mounted.api.name}.{route.method.lower()}.{route.name}",
        "summary": (route.view.__doc__ or route.name).strip().splitlines()[0],
        "tags": [mounted.api.name],
        "parameters": _parameters(route),
        "responses": {
            str(route.answers.status): _success(route),
            **{str(status): _problem(status) for status in sorted(_problems(route))},
        },
    }
    if route.who.roles:
        operation["security"] = [{"token": []}, *([{}] if route.who.anyone else [])]
        operation["x-roles"] = sorted(route.who.roles)
    if route.answers.created:
        operation["responses"]["201"] = _success(route) | {"description": "Made; Location says where it is."}
    if route.form:
        operation["responses"]["303"] = {"description": "A browser's form was taken."}
    if isinstance(route.body, Raw):
        operation["requestBody"] = {"content": {"*/*": {}}}
    elif route.body:
        operation["requestBody"] = {
            "required": True,
            "content": {media: {"schema": route.body} for media in sorted(route.media)},
        }
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    text = {"type": "string"}
    parameters: list[dict[str, Any]] = [
        {"in": "path", "name": name, "required": True, "schema": text} for name in PARAMETER.findall(route.rule)
    ]
    if route.query:
        parameters.append({"in": "query", "schema": route.query})
    if route.sites:
        parameters.append({"in": "query", "name": "site", "schema": text})
        parameters += [{"in": "header", "name": name, "schema": text} for name in (SITE, SIGNATURE)]
    if route.idempotent:
        parameters.append({"in": "header", "name": "Idempotency-Key", "schema": text})
    if route.method in {"PUT", "PATCH"}:
        parameters.append({"in": "header", "name": "If-Match", "schema": text})
    return parameters


def _success(route: Route) -> dict[str, Any]:
    success: dict[str, Any] = {"description": "Done." if route.method != "GET" else "Found."}
    content: dict[str, Any] = {}
    if route.answers.schema:
        # A page that has a schema is there for programs too: they ask for JSON.
        content[JSON if route.for_people else route.answers.media] = {"schema": route.answers.schema}
    if route.for_people:
        content[HTML] = {"schema": {"type": "string"}}
    return success | ({"content": content} if content else {})


def _problems(route: Route) -> set[int]:
    """Say which problems the façade itself can answer with; a service's own come under these statuses too."""
    statuses = {422, 500, 503}
    statuses |= {401, 403} if route.who.roles else set()
    statuses |= {400, 413, 415} if route.receives else set()
    statuses |= {404, 410} if PARAMETER.search(route.rule) else set()
    statuses |= {409} if route.receives else set()
    statuses |= {412, 428} if route.method in {"PUT", "PATCH"} else set()
    return statuses | ({429} if route.limit else set())


def _problem(status: int) -> dict[str, Any]:
    return {"description": str(BY_STATUS[status].title), "content": {MEDIA: {"schema": "Problem"}}}
