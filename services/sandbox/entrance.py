"""What happens to every call before a played processor sees it: it is kept, and the processor's mood shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, Response, request

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.typing import ResponseReturnValue

    from services.sandbox.state import Stage


def entrance(
    stage: Stage,
    name: str,
    prefix: str,
    *,
    failed: Callable[[], ResponseReturnValue],
    busy: Callable[[], ResponseReturnValue],
) -> Blueprint:
    """Return a processor's blueprint; `failed` and `busy` write a 500 and a 429 as that processor does."""
    blueprint = Blueprint(name, __name__, url_prefix=prefix)

    @blueprint.before_request
    def enter() -> ResponseReturnValue | None:
        # Before anything looks at request.form: afterwards the raw bytes are gone.
        body = request.get_data(cache=True)
        target = str(request.environ.get("RAW_URI") or request.full_path)
        headers = {key.lower(): value for key, value in request.headers if key.lower() != "authorization"}
        stage.record(name, request.method, target, headers, body)
        behaviour = stage.takes(name, "call")
        if behaviour == "stall":
            stage.stall(name)
        if behaviour == "block":
            return Response(status=403)
        if behaviour == "busy":
            return busy()
        return failed() if behaviour in ("fail", "stall") else None

    return blueprint
