"""A processor that speaks OpenDSR, as it is played: version 2 and the names of version 1, every answer signed."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import Response, request

from services.sandbox.entrance import entrance
from services.sandbox.opendsr_seal import Seal
from services.sandbox.opendsr_wire import PlayedRequest, categories_in, problems
from services.sandbox.opendsr_work import CONTROLLER, Work, status_of, written

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from flask import Blueprint

    from services.sandbox.state import Stage

EXPECTED = timedelta(minutes=1)
PATHS = {2: "/v2/requests", 1: "/v1/opengdpr_requests"}


class OpenDsrPlayer:
    """One processor; `formats` are how it takes addresses, `categories` what it has of a person."""

    def __init__(self, stage: Stage, name: str, *, formats: Sequence[str], categories: Sequence[str]) -> None:
        """Start with a new certificate and knowing nobody."""
        self.name = name
        self.seal = Seal(stage, name)
        self.work = Work(stage, name, self.seal, categories)
        self._stage = stage
        self._settings = stage.config.addresses[name]
        self._formats = formats

    def blueprint(self) -> Blueprint:
        """Return the routes under the processor's name."""
        routes = entrance(
            self._stage,
            self.name,
            f"/{self.name}",
            failed=lambda: error(500, [("", "failed")]),
            busy=lambda: error(429, [("", "has too many calls")], {"Retry-After": "7"}),
        )
        routes.before_request(self._closed_to_others)
        routes.get("/v2/discovery")(self._discovery)
        routes.get("/v2/cert.pem")(lambda: Response(self.seal.certificates, mimetype="application/x-pem-file"))
        for version, path in PATHS.items():
            fixed: dict[str, Any] = {"defaults": {"version": version}}
            routes.add_url_rule(path, f"create-{version}", self._create, methods=["POST"], **fixed)
            routes.add_url_rule(f"{path}/<request_id>", f"show-{version}", self._show, methods=["GET"], **fixed)
            routes.add_url_rule(f"{path}/<request_id>", f"cancel-{version}", self._cancel, methods=["DELETE"], **fixed)
        return routes

    def reset(self) -> None:
        """Forget everybody; the certificate stays."""
        self.work.reset()

    def _closed_to_others(self) -> Response | None:
        if request.path.endswith(("/discovery", "/cert.pem")):
            return None
        if request.headers.get("Authorization") != f"Bearer {self._settings['token']}":
            return error(401, [("", "has no valid token")])
        return None

    def _discovery(self) -> Response:
        return answer(
            200,
            {
                "api_version": "2.0",
                "supported_identities": [{"identity_type": "email", "identity_format": each} for each in self._formats],
                "supported_subject_request_types": ["erasure"],
                "processor_certificate": f"{request.host_url}{self.name}/v2/cert.pem",
            },
        )

    def _create(self, version: int) -> Response:
        content = request.get_json(force=True, silent=True)
        if not isinstance(content, dict):
            return error(400, [("", "is no JSON object")])
        if wrong := list(problems(content, version, self._formats)):
            return error(400, wrong)
        now = self._stage.config.clock()
        asked = PlayedRequest(
            request_id=content["subject_request_id"],
            version=version,
            identities=content.get("subject_identities") or [],
            categories=categories_in(content, self._settings["domain"]),
            callback_urls=content.get("status_callback_urls") or [],
            expected_at=now + EXPECTED,
        )
        if not self.work.begin(asked):
            return error(400, [("subject_request_id", "exists")])
        said = {
            "controller_id": CONTROLLER,
            "expected_completion_time": asked.expected_at.isoformat(),
            "received_time": now.isoformat(),
            "encoded_request": base64.b64encode(request.get_data()).decode(),
            "subject_request_id": asked.request_id,
        }
        return self._signed(201, said, version)

    def _show(self, request_id: str, version: int) -> Response:
        asked = self.work.find(request_id)
        if asked is None:
            return error(400, [("subject_request_id", "is unknown")])
        return self._signed(200, status_of(asked), version)

    def _cancel(self, request_id: str, version: int) -> Response:
        if not self.work.cancel(request_id):
            return error(400, [("subject_request_id", "is unknown or under way")])
        received = self._stage.config.clock().isoformat()
        said = {"controller_id": CONTROLLER, "received_time": received, "subject_request_id": request_id}
        return self._signed(202, said, version)

    def _signed(self, status: int, content: Mapping[str, Any], version: int) -> Response:
        made = answer(status, content)
        made.headers.update(self.seal.headers(made.get_data(), version))
        return made


def answer(status: int, content: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON answer that nobody may keep."""
    made = Response(written(content), status, mimetype="application/json")
    made.headers.update({"Cache-Control": "no-store", **(headers or {})})
    return made


def error(status: int, wrong: Sequence[tuple[str, str]], headers: Mapping[str, str] | None = None) -> Response:
    """Return an error that names fields and repeats nothing of what was sent."""
    rows = [
        {"domain": "Validation", "reason": name or "request", "message": f"{name or 'the request'} {why}"}
        for name, why in wrong
    ]
    return answer(status, {"error": {"code": status, "message": rows[0]["message"], "errors": rows}}, headers)
