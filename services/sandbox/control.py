"""The strings of the sandbox: what was received, how each processor behaves, and what people do there."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, cast

from flask import Blueprint, Response, abort, jsonify, request

from services.sandbox.campaigns import WHOMS
from services.sandbox.state import ACTS, BEHAVIOURS
from shared.clock import utc_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from services.sandbox.campaigns import Whom
    from services.sandbox.state import Behaviour, Newsletter, Player, ReceivedCall, Stage


class Control:
    """The routes under /sandbox/v1."""

    def __init__(self, stage: Stage, players: Mapping[str, Player], newsletters: Mapping[str, Newsletter]) -> None:
        self._stage = stage
        self._players = players
        self._newsletters = newsletters

    def blueprint(self) -> Blueprint:
        """Return the routes."""
        routes = Blueprint("control", __name__, url_prefix="/sandbox/v1")
        routes.get("/calls")(self._calls)
        routes.get("/deliveries")(self._deliveries)
        routes.post("/behaviour")(self._behave)
        routes.get("/newsletter/<processor>/members")(self._members)
        routes.get("/newsletter/<processor>/campaigns")(self._campaigns)
        routes.post("/newsletter/<processor>/campaigns")(self._make_campaign)
        routes.post("/newsletter/<processor>/campaigns/<key>/send")(self._send_campaign)
        routes.post("/newsletter/<processor>/campaigns/<key>/take-back")(self._take_campaign_back)
        routes.post("/newsletter/<processor>/<act>")(self._act)
        routes.post("/reset")(self._reset)
        return routes

    def _calls(self) -> Response:
        return jsonify([shown(call) for call in self._stage.calls(request.args.get("processor"))])

    def _deliveries(self) -> Response:
        return jsonify(self._stage.deliveries())

    def _behave(self) -> Response:
        content = _content()
        processor, behaviour, times = content.get("processor"), content.get("behaviour"), content.get("times")
        if processor not in self._players or behaviour not in BEHAVIOURS:
            abort(422)
        if times is not None and (not isinstance(times, int) or times < 1):
            abort(422)
        self._stage.behave(str(processor), cast("Behaviour", behaviour), times)
        return Response(status=204)

    def _members(self, processor: str) -> Response:
        return jsonify(self._newsletter(processor).members())

    def _act(self, processor: str, act: str) -> Response:
        email = _content().get("email")
        if act not in ACTS or not isinstance(email, str) or not self._newsletter(processor).act(act, email):
            abort(404)
        return Response(status=204)

    def _campaigns(self, processor: str) -> Response:
        found = self._newsletter(processor).campaigns.all()
        return jsonify([
            {
                "id": each.key,
                "subject": each.subject,
                "to": each.whom,
                "planned_at": each.planned_at and utc_text(each.planned_at),
                "sent_at": each.began_at and utc_text(each.began_at),
            }
            for each in found
        ])  # fmt: skip

    def _make_campaign(self, processor: str) -> tuple[Response, int]:
        content = _content()
        subject, whom = content.get("subject"), content.get("to", "list")
        if not isinstance(subject, str) or whom not in WHOMS:
            abort(422)
        return jsonify({"id": self._newsletter(processor).campaigns.make(subject, cast("Whom", whom))}), 201

    def _send_campaign(self, processor: str, key: str) -> Response:
        if not self._newsletter(processor).campaigns.send(key):
            abort(404)
        return Response(status=204)

    def _take_campaign_back(self, processor: str, key: str) -> Response:
        campaigns = self._newsletter(processor).campaigns
        if campaigns.find(key) is None:
            abort(404)
        campaigns.plan(key, None)
        return Response(status=204)

    def _reset(self) -> Response:
        self._stage.reset()
        for player in self._players.values():
            player.reset()
        return Response(status=204)

    def _newsletter(self, processor: str) -> Newsletter:
        return self._newsletters.get(processor) or abort(404)


def shown(call: ReceivedCall) -> dict[str, Any]:
    """Write a call; `body` is base64 of the exact bytes, `text` the same for reading."""
    return {
        "sequence": call.sequence,
        "processor": call.processor,
        "at": utc_text(call.at),
        "method": call.method,
        "target": call.target,
        "headers": dict(call.headers),
        "body": base64.b64encode(call.body).decode(),
        "text": call.body.decode("utf-8", "replace"),
    }


def _content() -> dict[str, Any]:
    content = request.get_json(silent=True)
    return content if isinstance(content, dict) else abort(422)
