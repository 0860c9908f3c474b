"""The strings of the played OpenDSR processors: whom they know, what they were asked, and a new certificate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, jsonify, request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.sandbox.opendsr import OpenDsrPlayer


def opendsr_strings(players: Mapping[str, OpenDsrPlayer]) -> Blueprint:
    """Return the routes under /sandbox/v1/opendsr/{processor}."""
    routes = Blueprint("opendsr_strings", __name__, url_prefix="/sandbox/v1/opendsr/<processor>")

    def player(processor: str) -> OpenDsrPlayer:
        return players.get(processor) or abort(404)

    @routes.get("/people")
    def people(processor: str) -> Response:
        return jsonify(player(processor).work.people())

    @routes.post("/people")
    def know(processor: str) -> Response:
        """Have it know somebody, as staff tools hand people over to it."""
        content = request.get_json(silent=True)
        email = content.get("email") if isinstance(content, dict) else None
        categories = content.get("categories") if isinstance(content, dict) else None
        if not isinstance(email, str) or not isinstance(categories, list | None):
            abort(422)
        player(processor).work.know(email, categories)
        return Response(status=204)

    @routes.get("/requests")
    def requests(processor: str) -> Response:
        return jsonify(player(processor).work.requests())

    @routes.post("/requests/<request_id>/cancel")
    def cancel(processor: str, request_id: str) -> Response:
        """Have it cancel a request by itself."""
        if not player(processor).work.cancel(request_id):
            abort(404)
        return Response(status=204)

    @routes.post("/certificate")
    def rotate(processor: str) -> Response:
        """Have it sign with a new key."""
        player(processor).seal.rotate()
        return Response(status=204)

    return routes
